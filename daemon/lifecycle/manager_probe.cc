// The probing thread: versions are tried where they can do no harm before they are loaded.
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/lifecycle/manager.h"
#include "registry/base/log.h"

namespace modeld {
namespace {

// "passed: 12.3 MB, loads in 0.41 s".
std::string Summary(const v1::ProbeReport& report) {
  if (report.outcome() != v1::PROBE_OUTCOME_PASSED) return absl::StrCat("refused: ", report.reason());
  std::string text = absl::StrFormat("passed: takes %.1f MB, loads in %.2f s", report.resident_bytes() / 1e6,
                                     report.load_seconds());
  if (report.warnings_size() > 0) {
    absl::StrAppend(&text, "; warning: ", report.warnings(0));
    if (report.warnings_size() > 1) absl::StrAppend(&text, " (and ", report.warnings_size() - 1, " more)");
  }
  return text;
}

// Why the version is quarantined, with all that helps its owner.
std::string Verdict(const v1::ProbeReport& report) {
  std::string text = absl::StrCat("probe: ", report.reason());
  if (!report.hint().empty()) absl::StrAppend(&text, "; ", report.hint());
  return text;
}

// The report as JSON, without what it says of every version.
std::string Evidence(v1::ProbeReport report) {
  report.clear_methods();
  report.clear_probed_at();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails for texts that are not UTF-8 only, which a report does not hold.
  if (!google::protobuf::util::MessageToJsonString(report, &json, options).ok()) json.clear();
  return json;
}

}  // namespace

void Manager::ProbeLoop() {
  while (const std::optional<VersionRecord> record = NextProbe()) {
    FinishProbe(*record, prober_->Probe(*record));
  }
}

std::optional<VersionRecord> Manager::NextProbe() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Time now = clock_->Now();
    if (const std::optional<LoadJob> job = probe_queue_.Pop(now)) {
      ModelState& model = models_.at(job->model);
      model.BeginProbe(job->version);
      probing_ = true;
      PublishEntry(model);
      changed_.SignalAll();
      LogInfo("probing", {{"model", job->model}, {"version", job->version}});
      return model.Find(job->version)->record;
    }
    probe_work_.WaitWithTimeout(&mutex_, std::min(probe_queue_.NextDue() - now, absl::Hours(1)));
  }
  return std::nullopt;
}

void Manager::FinishProbe(const VersionRecord& record, const absl::StatusOr<v1::ProbeReport>& report) {
  MutexLock lock(&mutex_);
  probing_ = false;
  ModelState& model = models_.at(record.model);
  const auto try_again = [&](const absl::Status& why) {
    mutex_.AssertHeld();
    LogError("version could not be probed",
             {{"model", record.model}, {"version", record.version}, {"error", why}});
    ++counts_.probes_failed;
    model.FailLoad(record.version, why, clock_->Now());
    Reconcile(model);
  };
  if (!report.ok()) return try_again(report.status());
  // The verdict is on disk before anything follows from it.
  const std::string summary = Summary(*report);
  if (absl::Status recorded =
          registry_->RecordProbe(record.model, record.version, *report,
                                 Event(action::kProbed, record.model, record.version, kDaemon, summary));
      !recorded.ok()) {
    return try_again(recorded);
  }
  LogInfo("probed", {{"model", record.model}, {"version", record.version}, {"verdict", summary}});
  const bool passed = report->outcome() == v1::PROBE_OUTCOME_PASSED;
  ++(passed ? counts_.probes_passed : counts_.probes_refused);
  model.EndProbe(record.version, passed, report->resident_bytes());
  if (!passed) {
    const std::string verdict = Verdict(*report);
    model.FailLoad(record.version, absl::InvalidArgumentError(verdict), clock_->Now());
    // A retired version was tried for a command, or retired meanwhile: it stays what a person made it.
    if (model.Find(record.version)->record.disposition != Disposition::kRetired) {
      Quarantine(model, record.version, verdict, Evidence(*report));
    }
  }
  Reconcile(model);
}

}  // namespace modeld
