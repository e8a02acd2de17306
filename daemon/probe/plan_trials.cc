#include "daemon/probe/plan_trials.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "daemon/codec/utf8.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/deep_copy.h"
#include "daemon/probe/check_batching.h"
#include "daemon/probe/choose_plan.h"
#include "daemon/probe/declared.h"
#include "daemon/probe/generated_inputs.h"
#include "daemon/probe/known_inputs.h"
#include "daemon/probe/warm_up.h"
#include "registry/base/free_memory.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

constexpr size_t kForward = 0;
// For all plans of a version, of CPU time: a deployment may wait for them. As many times what it takes to run
// once on everything that plans are tried on, for each is run about ten times; but not less and not more than
// so long.
constexpr int kBudgetInRuns = 40;
constexpr absl::Duration kLeastBudget = absl::Seconds(15), kMostBudget = absl::Seconds(90);
// What a batch size is measured for, after it was warmed.
constexpr absl::Duration kMeasuredFor = absl::Milliseconds(300);
constexpr size_t kLeastRuns = 3, kMostRuns = 200;
// In turns: long enough for a plan to have the caches to itself, as it does where it serves.
constexpr absl::Duration kTurn = absl::Milliseconds(50);
constexpr size_t kLeastRunsOfATurn = 2;
constexpr int kLeastTurns = 3, kMostTurns = 8;
constexpr absl::Duration kTurnsFor = absl::Seconds(2);  // of all plans, at each size
constexpr int64_t kMostBytesTogether = int64_t{1} << 30;

// What runs of `forward` take, at least so many and then for so long; empty: it raises.
std::vector<double> TimesOf(Executable& executable, const Declarations& declared, const GoldenSample& sample,
                            const SteadyNow& now, size_t least_runs = kLeastRuns,
                            absl::Duration measured_for = kMeasuredFor) {
  std::vector<double> seconds;
  const absl::Duration begin = now();
  while (seconds.size() < least_runs || (seconds.size() < kMostRuns && now() - begin < measured_for)) {
    absl::StatusOr<std::vector<Value>> arguments =
        BindArguments(executable.methods()[kForward], declared.inputs, DeepCopy(sample.inputs));
    if (!arguments.ok()) return {};
    const absl::Duration called = now();
    if (!executable.Run(kForward, *std::move(arguments)).ok()) return {};
    seconds.push_back(absl::ToDoubleSeconds(now() - called));
  }
  return seconds;
}

double Median(std::vector<double> seconds) {
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

absl::Status TooSlow() {
  return absl::FailedPreconditionError(
      "to run it on what is to be compared takes all the time for trying plans");
}

GoldenSample InputsOnly(std::string name, std::string method, NamedValues inputs) {
  return {.name = std::move(name), .method = std::move(method), .inputs = std::move(inputs), .outputs = {}};
}

std::string GeneratedName(int64_t batch_size) {
  return absl::StrCat("generated inputs of batch size ", batch_size);
}

bool HaveEqualSignatures(const std::vector<Method>& a, const std::vector<Method>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Method& one, const Method& other) {
    return one.name == other.name &&
           std::equal(one.arguments.begin(), one.arguments.end(), other.arguments.begin(),
                      other.arguments.end(), [](const Argument& x, const Argument& y) {
                        return x.name == y.name && TypeName(x.type) == TypeName(y.type);
                      });
  });
}

}  // namespace

PlanTrials::PlanTrials(Engine& engine, const ProbeSubject& subject, const Declarations& declared,
                       ProbeHost& host)
    : engine_(engine),
      subject_(subject),
      declared_(declared),
      host_(host),
      tolerance_(ToleranceOf(subject.config)),
      begun_(host.Now()),
      budget_(kLeastBudget) {}

bool PlanTrials::is_over() const { return host_.Now() - begun_ > budget_; }

absl::StatusOr<std::unique_ptr<Executable>> PlanTrials::Load(const Plan& plan, v1::PlanResult* result,
                                                             int threads) {
  ReturnFreeMemory();
  resident_before_ = host_.ResidentBytes();
  const absl::Duration begin = host_.Now();
  absl::StatusOr<std::unique_ptr<Executable>> loaded =
      engine_.Load({.artifact_path = subject_.artifact_path,
                    .format = subject_.format,
                    .unpacked = subject_.unpacked,
                    .plan = plan,
                    .device = DeviceOf(subject_.config),
                    .inputs = KnownInputs(declared_.inputs, subject_.samples),
                    .threads_per_run = threads});
  result->set_load_seconds(absl::ToDoubleSeconds(host_.Now() - begin));
  return loaded;
}

absl::StatusOr<v1::PlanResult> PlanTrials::Begin(bool measures) {
  measures_ = measures;
  v1::PlanResult result;
  const Plan plan = engine_.plans(subject_.format).front();
  SetPlan(plan, &result);
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Executable> as_saved, Load(plan, &result));
  methods_ = as_saved->methods();
  std::vector<GoldenSample> generated, samples;
  if (CanGenerate(methods_[kForward], declared_.inputs)) {
    for (const int64_t size : WarmUpSizes(subject_.config)) {
      absl::StatusOr<NamedValues> inputs = GenerateInputs(declared_.inputs, size);
      if (inputs.ok()) generated.push_back(InputsOnly(GeneratedName(size), "", *std::move(inputs)));
    }
  }
  for (const GoldenSample& sample : subject_.samples) {
    samples.push_back(InputsOnly(sample.name, sample.method, DeepCopy(sample.inputs)));
  }
  const absl::Duration begin = host_.Now();
  on_generated_ = AnswersTo(std::move(generated), *as_saved);
  on_samples_ = AnswersTo(std::move(samples), *as_saved);
  budget_ = std::clamp(kBudgetInRuns * (host_.Now() - begin), kLeastBudget, kMostBudget);
  if (is_over()) return TooSlow();
  if (on_generated_.empty() && !has_sample_of(methods_[kForward].name)) {
    return absl::FailedPreconditionError("no inputs of forward are known that it answers to");
  }
  if (HasFreeDimensions(declared_.inputs) && !has_sample_of(methods_[kForward].name)) {
    // What is generated for them is 1, which says little of other sizes.
    return absl::FailedPreconditionError(
        "not only the first dimension of its inputs is free, and there is no golden sample of forward");
  }
  batching_ = Batching(*as_saved);
  const std::string why = WhyNot(*as_saved, &result);
  if (is_over()) return TooSlow();
  if (!why.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("it answers otherwise the second time: ", why));
  }
  if (measures_) Measure(*as_saved, &result);
  if (!AllowsEngine(subject_.config.execution(), plan.engine)) {
    result.set_refused(absl::StrCat("not taken: ", OtherEngineAsked()));
  }
  return result;
}

v1::PlanResult PlanTrials::Try(const Plan& plan) {
  v1::PlanResult result;
  SetPlan(plan, &result);
  result.set_refused(WhyNotAllowed(plan));
  if (!result.refused().empty()) return result;

  const absl::StatusOr<std::unique_ptr<Executable>> loaded = Load(plan, &result);
  std::string why_not;
  if (!loaded.ok()) {
    why_not = absl::StrCat("it cannot be loaded so: ", std::string(loaded.status().message()));
  } else if ((*loaded)->stateful()) {
    why_not = "it writes its attributes while it runs";
  } else if (!HaveEqualSignatures((*loaded)->methods(), methods_)) {
    why_not = "its methods take other arguments so";
  } else {
    why_not = WhyNot(**loaded, &result);
  }
  if (why_not.empty() && measures_) Measure(**loaded, &result);
  result.set_refused(ToUtf8(why_not));
  return result;
}

absl::Status PlanTrials::MeasureInTurns(const std::vector<v1::PlanResult*>& plans) {
  int64_t bytes = 0;
  for (const v1::PlanResult* const plan : plans) bytes += plan->resident_bytes();
  if (bytes > kMostBytesTogether) return absl::FailedPreconditionError("together they take too much memory");
  // What comes after has the time that there was before.
  const absl::Cleanup give_time_back = [this, begin = host_.Now()] { budget_ += host_.Now() - begin; };
  std::vector<std::unique_ptr<Executable>> executables;
  for (const v1::PlanResult* const plan : plans) {
    v1::PlanResult unused;  // what loading takes was measured before
    MODELD_ASSIGN_OR_RETURN(executables.emplace_back(), Load(PlanOf(*plan), &unused));
    if (const std::string why = WhyNot(*executables.back(), &unused); !why.empty()) {
      return absl::FailedPreconditionError(why);
    }
  }
  const std::vector<const GoldenSample*> samples = MeasuredOn(*executables.front());
  for (const v1::PlanResult* const plan : plans) {
    // Sizes that one fails on are not among its latencies, and then there is nothing to replace them by.
    if (static_cast<size_t>(plan->latencies_size()) != samples.size()) {
      return absl::FailedPreconditionError("not all of them were measured at every size");
    }
  }
  std::vector<std::vector<double>> medians;  // by plan, of each size
  for (const GoldenSample* const sample : samples) {
    MODELD_ASSIGN_OR_RETURN(medians.emplace_back(), MediansInTurns(executables, *sample));
  }
  for (size_t size = 0; size < medians.size(); ++size) {
    for (size_t i = 0; i < plans.size(); ++i) {
      plans[i]->mutable_latencies(static_cast<int>(size))->set_seconds(medians[size][i]);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> PlanTrials::MediansInTurns(
    const std::vector<std::unique_ptr<Executable>>& executables, const GoldenSample& sample) const {
  const SteadyNow now = [this] { return host_.Now(); };
  // Of the first plan, and what the others come to as parts of it, turn by turn: where the machine is fast in
  // some turns and slow in others, times of two plans may be medians of different ones, ratios are not.
  std::vector<double> firsts;
  std::vector<std::vector<double>> ratios(executables.size());
  const absl::Duration begin = now();
  for (int turn = 0; turn < kMostTurns && (turn < kLeastTurns || now() - begin < kTurnsFor); ++turn) {
    if (is_over() && firsts.empty()) return TooSlow();
    if (is_over()) break;
    for (size_t i = 0; i < executables.size(); ++i) {
      std::vector<double> seconds =
          TimesOf(*executables[i], declared_, sample, now, kLeastRunsOfATurn, kTurn);
      if (seconds.empty()) return absl::FailedPreconditionError("it fails on what it is measured on");
      const double median = Median(std::move(seconds));
      if (median <= 0) return absl::FailedPreconditionError("its runs are shorter than the clock can tell");
      if (i == 0) firsts.push_back(median);
      ratios[i].push_back(median / firsts.back());
    }
  }
  std::vector<double> medians;
  medians.reserve(ratios.size());
  for (std::vector<double>& each : ratios) medians.push_back(Median(firsts) * Median(std::move(each)));
  return medians;
}

absl::Status PlanTrials::MeasureThreads(int threads, v1::PlanResult* result) {
  if (is_over()) return absl::DeadlineExceededError("the time for trying plans is over");
  v1::PlanResult unused;  // what it has of this plan was measured on one thread
  engine_.PrepareThread(threads);
  const absl::Cleanup back_to_one = [this] { engine_.PrepareThread(1); };
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Executable> executable,
                          Load(PlanOf(*result), &unused, threads));
  if (const std::string why = WhyNot(*executable, &unused); !why.empty()) {
    return absl::FailedPreconditionError(why);
  }
  const std::vector<const GoldenSample*> inputs = MeasuredOn(*executable);
  if (inputs.empty()) return absl::FailedPreconditionError("there is nothing to measure it on");
  const std::vector<double> seconds =
      TimesOf(*executable, declared_, *inputs.front(), [this] { return host_.WallNow(); });
  if (seconds.empty()) return absl::FailedPreconditionError("it fails on what it is measured on");
  v1::ThreadLatency* const latency = result->add_thread_latencies();
  latency->set_threads(threads);
  // Others of higher priority, and rests, only ever add to it.
  latency->set_seconds(*std::min_element(seconds.begin(), seconds.end()));
  return absl::OkStatus();
}

bool PlanTrials::has_sample_of(const std::string& method) const {
  return std::any_of(on_samples_.begin(), on_samples_.end(), [&](const GoldenSample& sample) {
    return sample.method == method || (sample.method.empty() && method == methods_[kForward].name);
  });
}

std::vector<GoldenSample> PlanTrials::AnswersTo(std::vector<GoldenSample> inputs,
                                                Executable& as_saved) const {
  std::erase_if(inputs, [&](GoldenSample& each) {
    if (is_over()) return true;
    absl::StatusOr<NamedValues> outputs = RunSample(as_saved, declared_, each);
    if (!outputs.ok()) return true;
    each.outputs = *std::move(outputs);
    return false;
  });
  return inputs;
}

std::string PlanTrials::OtherEngineAsked() const {
  return absl::StrCat("execution.engine is ", Quote(subject_.config.execution().engine()));
}

std::string PlanTrials::WhyNotAllowed(const Plan& plan) const {
  if (is_over()) return "not tried: the time for trying plans was over";
  if (!AllowsEngine(subject_.config.execution(), plan.engine)) {
    return absl::StrCat("not tried: ", OtherEngineAsked());
  }
  if (subject_.format == ArtifactFormat::kOnnx && plan.engine == "openvino" &&
      subject_.config.execution().engine() != plan.engine) {
    return "not tried: ONNX's operators are not proved one by one on OpenVINO; execution.engine asks for it";
  }
  if (plan.precision == Precision::kAsSaved) return "";
  if (!AllowsBf16(subject_.config.execution())) {
    return "not tried: neither execution.precisions nor execution.tolerance allows bf16";
  }
  for (const Method& method : methods_) {
    if (!has_sample_of(method.name)) {
      return absl::StrCat("not tried: there is no golden sample of ", method.name, " to prove it on");
    }
  }
  return "";
}

std::string PlanTrials::WhyNot(Executable& executable, v1::PlanResult* result) {
  const auto differs = [&](const GoldenSample& expected) -> std::string {
    const absl::StatusOr<v1::GoldenResult> compared = RunGolden(executable, declared_, expected, tolerance_);
    if (!compared.ok()) {
      return absl::StrCat("it fails on ", expected.name, ": ", std::string(compared.status().message()));
    }
    result->set_max_absolute(std::max(result->max_absolute(), compared->max_absolute()));
    result->set_max_relative(std::max(result->max_relative(), compared->max_relative()));
    return compared->passed() ? ""
                              : absl::StrCat("beyond tolerance on ", expected.name, ": ", compared->detail());
  };
  const std::vector<GoldenSample>* const all[] = {&on_generated_, &on_samples_, &subject_.samples};
  for (const std::vector<GoldenSample>* const expected : all) {
    for (const GoldenSample& sample : *expected) {
      if (is_over()) return "the time for trying plans was over before it was compared";
      if (std::string why = differs(sample); !why.empty()) return why;
    }
  }
  const std::vector<absl::Status> batching = Batching(executable);
  for (size_t i = 0; i < batching.size(); ++i) {
    if (batching[i].code() != batching_[i].code()) return std::string(batching[i].message());
  }
  return "";
}

std::vector<absl::Status> PlanTrials::Batching(Executable& executable) const {
  const int64_t max_rows = subject_.config.batching().max_batch_size();
  if (max_rows <= 1) return {};
  return {
      CanGenerate(methods_[kForward], declared_.inputs)
          ? CheckBatching(executable, declared_, tolerance_, /*may_fail=*/DeviceOf(subject_.config).empty())
          : absl::OkStatus(),
      CheckBatching(executable, declared_, subject_.samples, max_rows, tolerance_)};
}

std::vector<const GoldenSample*> PlanTrials::MeasuredOn(Executable& executable) const {
  std::vector<const GoldenSample*> inputs;
  if (!HasFreeDimensions(declared_.inputs)) {
    for (const GoldenSample& generated : on_generated_) inputs.push_back(&generated);
  }
  if (inputs.empty()) {
    // One is enough to compare plans by.
    if (const GoldenSample* const sample = SampleOfForward(executable, on_samples_)) inputs.push_back(sample);
  }
  return inputs;
}

void PlanTrials::Measure(Executable& executable, v1::PlanResult* result) const {
  const SteadyNow now = [this] { return host_.Now(); };
  for (const GoldenSample* const sample : MeasuredOn(executable)) {
    const WarmUpLimits limits{.max_calls = 50,
                              .max_time = std::max(begun_ + budget_ - host_.Now(), absl::ZeroDuration())};
    const WarmUpResult warmed = WarmUpOnSample(executable, declared_, *sample, limits, now);
    const std::vector<double> seconds = TimesOf(executable, declared_, *sample, now);
    if (seconds.empty()) continue;
    v1::BatchLatency* const latency = result->add_latencies();
    latency->set_batch_size(warmed.batch_size);
    latency->set_calls(static_cast<int32_t>(seconds.size()));
    latency->set_stable(warmed.stable);
    latency->set_seconds(Median(seconds));
  }
  ReturnFreeMemory();
  result->set_resident_bytes(std::max<int64_t>(host_.ResidentBytes() - resident_before_, 0));
}

}  // namespace modeld
