#include "daemon/lifecycle/plan_tuner.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/lifecycle/load_queue.h"
#include "daemon/lifecycle/memory_plan.h"
#include "daemon/lifecycle/version_names.h"
#include "daemon/probe/choose_plan.h"
#include "registry/base/log.h"
#include "registry/base/status_macros.h"
#include "registry/base/timeout.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

// Of the machine's fault: it has other things to do, or no memory to spare. After that the version runs as it
// does until it is loaded again.
constexpr int kMostFailures = 3;
constexpr absl::Duration kTryAgain = absl::Minutes(1);

const v1::PlanResult* ChosenOf(const v1::ProbeReport& report) {
  for (const v1::PlanResult& plan : report.plans()) {
    if (plan.chosen()) return &plan;
  }
  return nullptr;
}

// "14.4 ms for batch size 1 on one thread", "45.1 MB".
std::string MeasureText(const v1::PlanResult& plan, const std::string& objective) {
  if (objective == "memory") return Megabytes(plan.resident_bytes());
  const v1::BatchLatency* const latency = DecidingLatency(plan, objective);
  if (latency == nullptr) return "";
  return absl::StrFormat("%.3g ms for batch size %d on one thread", latency->seconds() * 1e3,
                         latency->batch_size());
}

// "runs as openvino: 14.4 ms for batch size 1 on one thread; as it was saved, 30.0 ms for …".
std::string Summary(const v1::ProbeReport& report, const std::string& objective) {
  const v1::PlanResult* const chosen = ChosenOf(report);
  if (chosen == nullptr) return absl::StrCat("runs as it was saved: ", report.no_plans());
  const v1::PlanResult& as_saved = report.plans(0);
  std::string text = absl::StrCat("runs as ", PlanText(chosen->name(), chosen->threads()));
  if (chosen == &as_saved) {
    const auto is_measured = [](const v1::PlanResult& plan) { return !plan.latencies().empty(); };
    if (report.plans_size() > 1 &&
        std::none_of(std::next(report.plans().begin()), report.plans().end(), is_measured))
      absl::StrAppend(&text, ", since no other plan could be measured; see `modelctl plans`");
    return text;
  }
  const std::string now = MeasureText(*chosen, objective), before = MeasureText(as_saved, objective);
  if (now.empty() || before.empty()) return text;
  absl::StrAppend(&text, ": ", now, "; as it was saved, ", before);
  return text;
}

absl::Status Stopping() { return absl::UnavailableError("the daemon is shutting down"); }

}  // namespace

PlanTuner::PlanTuner(Registry* registry, const KnownPlans* known_plans, Clock* clock,
                     std::unique_ptr<VersionProber> prober)
    : registry_(registry), known_plans_(known_plans), clock_(clock), prober_(std::move(prober)) {}

PlanTuner::~PlanTuner() { Stop(); }

void PlanTuner::Start(ReloadFn reload) {
  reload_ = std::move(reload);
  thread_ = std::thread([this] { Loop(); });
}

void PlanTuner::Stop() {
  {
    MutexLock lock(&mutex_);
    // First: a probe that ends because of it has failed nobody.
    stopping_ = true;
    changed_.SignalAll();
  }
  prober_->Cancel();
  if (thread_.joinable()) thread_.join();
}

void PlanTuner::Notice(const VersionRecord& record) {
  MutexLock lock(&mutex_);
  const bool known = std::any_of(jobs_.begin(), jobs_.end(), [&](const Job& job) {
    return job.record.model == record.model && job.record.version == record.version;
  });
  if (known) return;
  jobs_.push_back({.record = record, .wait = nullptr});
  changed_.SignalAll();
}

absl::Status PlanTuner::Retune(const VersionRecord& record, absl::Duration timeout) {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  std::shared_ptr<Wait> wait = WaitFor(record);
  if (wait == nullptr) {
    wait = std::make_shared<Wait>();
    jobs_.push_front({.record = record, .wait = wait});
    changed_.SignalAll();
  }
  while (!wait->done) {
    if (stopping_) return Stopping();
    if (!patience.Wait(&changed_, &mutex_)) {
      return absl::DeadlineExceededError(absl::StrCat("the plans of ",
                                                      NameVersion(record.model, record.version),
                                                      " are still being tried; see `modelctl plans`"));
    }
  }
  return wait->status;
}

std::shared_ptr<PlanTuner::Wait> PlanTuner::WaitFor(const VersionRecord& record) const {
  const auto is_it = [&](const Job& job) {
    return job.wait != nullptr && job.record.model == record.model && job.record.version == record.version;
  };
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), is_it);
  return found == jobs_.end() ? nullptr : found->wait;
}

void PlanTuner::Loop() {
  Job job;
  while (Next(&job)) {
    const absl::Status status = Tune(job);
    MutexLock lock(&mutex_);
    if (job.wait != nullptr) {
      job.wait->status = stopping_ && !status.ok() ? Stopping() : status;
      job.wait->done = true;
      changed_.SignalAll();
    } else if (!status.ok() && !stopping_) {
      LogWarning("plans could not be tried",
                 {{"model", job.record.model}, {"version", job.record.version}, {"error", status}});
      if (absl::IsFailedPrecondition(status) || ++job.failures == kMostFailures) continue;
      job.not_before = clock_->Now() + kTryAgain;
      jobs_.push_back(job);
    }
  }
}

bool PlanTuner::Next(Job* job) {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Time now = clock_->Now();
    const auto due = std::find_if(jobs_.begin(), jobs_.end(),
                                  [&](const Job& each) { return IsDue(each.not_before, now); });
    if (due != jobs_.end()) {
      *job = std::move(*due);
      jobs_.erase(due);
      return true;
    }
    changed_.WaitWithTimeout(&mutex_, kTryAgain);
  }
  return false;
}

absl::Status PlanTuner::Tune(const Job& job) {
  const VersionRecord& record = job.record;
  if (job.wait == nullptr) {
    MODELD_ASSIGN_OR_RETURN(const std::optional<v1::ProbeReport> known,
                            registry_->ProbeOf(record.model, record.version));
    if (known && known_plans_->Holds(*known)) return absl::OkStatus();
  }
  MODELD_ASSIGN_OR_RETURN(const v1::ProbeReport report, prober_->Probe(record));
  if (report.outcome() != v1::PROBE_OUTCOME_PASSED) {
    // It serves, and what serves is not taken away for what happens where nobody waits.
    return absl::FailedPreconditionError(absl::StrCat("tried again, it did not pass: ", report.reason()));
  }
  MODELD_ASSIGN_OR_RETURN(const std::string config_json, registry_->ConfigOf(record.model, record.version));
  MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(config_json));
  const std::string summary = Summary(report, parsed.config.execution().objective());
  EventRecord event;
  event.time = clock_->Now();
  event.actor = "daemon";
  event.action = action::kTuned;
  event.model = record.model;
  event.version = record.version;
  event.reason = summary;
  MODELD_RETURN_IF_ERROR(registry_->RecordProbe(record.model, record.version, report, event));
  LogInfo("tuned", {{"model", record.model}, {"version", record.version}, {"verdict", summary}});
  // The loader takes no plan from a report that does not hold here (the CPUs of the daemon were changed since
  // it started): to load the version again would change nothing, but for bringing it here once more.
  const v1::PlanResult* const chosen = known_plans_->Holds(report) ? ChosenOf(report) : nullptr;
  if (chosen != nullptr)
    reload_(record, PlanText(chosen->name(), chosen->threads()), report.resident_bytes());
  return absl::OkStatus();
}

}  // namespace modeld
