#include "daemon/probe/run_probe.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/codec/signature_codec.h"
#include "daemon/codec/utf8.h"
#include "daemon/probe/check_batching.h"
#include "daemon/probe/choose_plan.h"
#include "daemon/probe/declared.h"
#include "daemon/probe/find_nan.h"
#include "daemon/probe/generated_inputs.h"
#include "daemon/probe/known_inputs.h"
#include "daemon/probe/plan_trials.h"
#include "daemon/probe/tolerance.h"
#include "daemon/probe/warm_up.h"
#include "daemon/scheduling/batching.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

constexpr char kMemoryHint[] =
    "it needs more memory than the probe's limit: give the daemon more, raise the limit, or warm smaller "
    "batch sizes";

constexpr char kGpuMemoryHint[] =
    "its GPU has too little memory beside what is live, and the probe needs what the version will need: name "
    "another GPU in execution.device, unload what is not needed, or warm smaller batch sizes";

constexpr char kFaultHint[] =
    "run it on the CPU, where the model raises instead, to see by what; on a GPU an index out of range ends "
    "the "
    "process";

constexpr char kDeclareHint[] =
    "declare dtype and shape of every input in config.json, or carry a golden sample, or leave `batching` "
    "out";
constexpr char kBatchingHint[] =
    "leave `batching` out of config.json, or change the model: its rows must not depend on each other, and "
    "every output must be a tensor with one row for each row of input";

// What a model says is as long as the model likes; it goes into the history and every listing.
std::string Shortened(std::string text) {
  constexpr size_t kMost = 4096;
  if (text.size() > kMost) text.replace(kMost, std::string::npos, "…");
  return text;
}

const char* LoadHint(ArtifactFormat format) {
  switch (format) {
    case ArtifactFormat::kTorchScript:
      return "load it with torch.jit.load in Python and save it again with the PyTorch version that the "
             "daemon has, or an older one";
    case ArtifactFormat::kOnnx:
      return "try it with onnx.checker.check_model and onnxruntime.InferenceSession in Python; export it "
             "again with an opset that the daemon's ONNX Runtime has";
    case ArtifactFormat::kPt2:
      break;
  }
  return "";
}

// One run of the probe. Each step says whether it found a fault: is_over.
class Run {
 public:
  Run(Engine& engine, const ProbeSubject& subject, ProbeHost& host)
      : engine_(engine),
        subject_(subject),
        host_(host),
        inputs_(DeclaredTensors(subject.config.inputs())),
        outputs_(DeclaredTensors(subject.config.outputs())) {}

  absl::StatusOr<v1::ProbeReport> All() {
    try {
      MODELD_RETURN_IF_ERROR(Load());
      if (!is_over()) CheckConfig();
      for (void (Run::*step)() : {&Run::WarmAll, &Run::Batch, &Run::Golden}) {
        if (!is_over()) (this->*step)();
        if (!is_over()) CheckHealth();
      }
    } catch (const std::bad_alloc&) {
      FailForMemory(absl::StrCat("memory ran out while ", report_.stage()));
    }
    if (!is_over()) Enter("unloading");
    executable_.reset();
    if (is_over()) return std::move(report_);

    report_.set_outcome(v1::PROBE_OUTCOME_PASSED);
    if (subject_.try_plans && !TakeKnownPlan()) TryPlans();
    report_.clear_stage();
    return std::move(report_);
  }

 private:
  bool on_gpu() const { return !DeviceOf(subject_.config).empty(); }
  bool is_over() const { return report_.outcome() != v1::PROBE_OUTCOME_UNSPECIFIED; }

  void Enter(const std::string& stage) {
    report_.set_stage(stage);
    host_.Progress(report_);
  }

  void Fail(v1::ProbeOutcome outcome, std::string reason, const std::string& hint) {
    report_.set_outcome(outcome);
    report_.set_reason(ToUtf8(Shortened(std::move(reason))));
    report_.set_hint(hint);
  }

  void FailForMemory(std::string reason) {
    Fail(v1::PROBE_OUTCOME_OUT_OF_MEMORY, std::move(reason), on_gpu() ? kGpuMemoryHint : kMemoryHint);
  }

  // What ends the engine here would end it where it serves.
  void CheckHealth() {
    if (const absl::Status health = engine_.health(); !health.ok()) {
      Fail(v1::PROBE_OUTCOME_RAISED, std::string(health.message()), kFaultHint);
    }
  }

  void Warn(std::string warning) { report_.add_warnings(ToUtf8(Shortened(std::move(warning)))); }

  Declarations declared() const { return {.inputs = inputs_, .outputs = outputs_}; }

  absl::Status Load() {
    report_.set_engine(EngineText(engine_));
    engine_.PrepareThread(/*intra_op_threads=*/1);
    resident_before_ = host_.ResidentBytes();
    Enter("loading");
    const absl::Duration begin = host_.Now();
    absl::StatusOr<std::unique_ptr<Executable>> loaded =
        engine_.Load({.artifact_path = subject_.artifact_path,
                      .format = subject_.format,
                      .unpacked = subject_.unpacked,
                      .device = DeviceOf(subject_.config),
                      .inputs = KnownInputs(inputs_, subject_.samples)});
    report_.set_load_seconds(absl::ToDoubleSeconds(host_.Now() - begin));
    if (CheckHealth(); is_over()) return absl::OkStatus();
    if (absl::IsInvalidArgument(loaded.status()) || absl::IsUnimplemented(loaded.status())) {
      // What is unimplemented comes with its remedy.
      const bool needs_hint = absl::IsInvalidArgument(loaded.status());
      Fail(v1::PROBE_OUTCOME_NOT_LOADABLE, std::string(loaded.status().message()),
           needs_hint ? LoadHint(subject_.format) : "");
      return absl::OkStatus();
    }
    if (absl::IsResourceExhausted(loaded.status())) {
      FailForMemory(absl::StrCat("memory ran out while loading: ", std::string(loaded.status().message())));
      return absl::OkStatus();
    }
    MODELD_RETURN_IF_ERROR(loaded.status());
    executable_ = *std::move(loaded);
    for (const Method& method : executable_->methods()) {
      const bool is_forward = &method == &executable_->methods().front();
      static const std::vector<DeclaredTensor> kNothing;
      ToWire(method, is_forward ? inputs_ : kNothing, is_forward ? outputs_ : kNothing,
             report_.add_methods());
    }
    Measure();
    return absl::OkStatus();
  }

  void Measure() {
    report_.set_resident_bytes(std::max<int64_t>(host_.ResidentBytes() - resident_before_, 0));
    report_.set_peak_bytes(std::max<int64_t>(host_.PeakBytes() - resident_before_, report_.resident_bytes()));
  }

  void CheckConfig() {
    absl::Status checked = CheckEngine(subject_.config, engine_, subject_.format);
    if (checked.ok()) checked = CheckDeclarations(executable_->methods().front(), inputs_, outputs_);
    if (checked.ok()) return;
    Fail(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG, std::string(checked.message()),
         "correct config.json, or the model; `modelctl stamp` writes a config into an existing file");
  }

  void WarmAll() {
    if (!CanGenerate(executable_->methods().front(), inputs_)) return WarmOnSample();
    for (const int64_t batch_size : WarmUpSizes(subject_.config)) {
      Enter(absl::StrCat("warming up with batch size ", batch_size));
      const WarmUpResult result = WarmUp(*executable_, declared(), batch_size, WarmUpLimits(), now_);
      Judge(result);
      if (!is_over() && result.status.ok() && result.not_generated.ok()) CheckAnswer(result);
      if (is_over()) return;
      Measure();
    }
  }

  // Whether the sample is any good comes out later.
  void WarmOnSample() {
    const GoldenSample* const sample = SampleOfForward(*executable_, subject_.samples);
    if (sample == nullptr) {
      return Warn(
          "forward was not called: its inputs are not declared, and there is no golden sample of it; add "
          "\"inputs\" to config.json, or a golden sample");
    }
    Enter(absl::StrCat("warming up on golden sample ", Quote(sample->name)));
    Judge(WarmUpOnSample(*executable_, declared(), *sample, WarmUpLimits(), now_));
    Measure();
  }

  void Judge(const WarmUpResult& result) {
    if (result.not_generated.ok() && absl::IsResourceExhausted(result.status)) {
      return FailForMemory(
          absl::StrCat("memory ran out while ", report_.stage(), ": ", std::string(result.status.message())));
    }
    if (std::string warning = WarmUpWarning(result); !warning.empty()) return Warn(std::move(warning));
    v1::BatchLatency* const latency = report_.add_latencies();
    latency->set_batch_size(result.batch_size);
    latency->set_seconds(result.seconds);
    latency->set_calls(result.calls);
    latency->set_stable(result.stable);
  }

  void CheckAnswer(const WarmUpResult& result) {
    if (const std::string contradiction = OutputsContradiction(result.outputs, outputs_);
        !contradiction.empty()) {
      return Fail(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG,
                  absl::StrCat("on ", result.inputs, ": ", contradiction),
                  "declare the outputs as forward returns them, or leave the field out");
    }
    if (subject_.config.guard().allow_nan()) return;
    const std::optional<std::string> nan = FindNan(result.outputs);
    if (!nan) return;
    const std::string what =
        absl::StrCat(*nan, " is NaN on ordinary input (", result.inputs, ", floating-point in [0, 1))");
    if (!subject_.samples.empty()) return Warn(what);
    Fail(
        v1::PROBE_OUTCOME_NOT_A_NUMBER, what,
        "where NaN is what this model means, set \"guard\": {\"allow_nan\": true} in config.json; where such "
        "inputs mean nothing to it, carry a golden sample, which then decides");
  }

  void Batch() {
    // A stateful module is not batched, and its loader says so.
    if (subject_.config.batching().max_batch_size() <= 1 || executable_->stateful()) return;
    const Method& forward = executable_->methods().front();
    if (const absl::Status rule = MakeBatchRule(forward, inputs_).status(); !rule.ok()) {
      return Fail(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG, std::string(rule.message()), kBatchingHint);
    }
    Enter("trying a batch");
    const Tolerance tolerance = ToleranceOf(subject_.config);
    const bool can_generate = CanGenerate(forward, inputs_);
    absl::Status tried;
    if (can_generate) tried = CheckBatching(*executable_, declared(), tolerance, /*may_fail=*/!on_gpu());
    if (!absl::IsInvalidArgument(tried)) {
      const absl::Status on_samples = CheckBatching(*executable_, declared(), subject_.samples,
                                                    subject_.config.batching().max_batch_size(), tolerance);
      if (absl::IsNotFound(on_samples) && !can_generate) {
        return Fail(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG,
                    "batching: it cannot be tried, for not every input of forward is declared with dtype and "
                    "shape, and no golden sample of forward can be joined with itself",
                    kDeclareHint);
      }
      if (!absl::IsNotFound(on_samples)) tried = on_samples;
    }
    if (absl::IsInvalidArgument(tried)) {
      Fail(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG, std::string(tried.message()), kBatchingHint);
    } else if (!tried.ok()) {
      Warn(absl::StrCat("batching was not tried: ", std::string(tried.message())));
    }
    Measure();
  }

  void Golden() {
    const Tolerance tolerance = ToleranceOf(subject_.config);
    for (const GoldenSample& sample : subject_.samples) {
      Enter(absl::StrCat("running ", sample.method.empty() ? "forward" : sample.method, " on golden sample ",
                         Quote(sample.name)));
      const absl::StatusOr<v1::GoldenResult> result = RunGolden(*executable_, declared(), sample, tolerance);
      if (result.ok()) {
        *report_.add_golden() = *result;
      } else {
        v1::GoldenResult* const failed = report_.add_golden();
        failed->set_sample(sample.name);
        failed->set_detail(ToUtf8(std::string(result.status().message())));
        if (!is_over()) Refuse(sample, result.status());
        if (absl::IsResourceExhausted(result.status())) return;
        continue;
      }
      if (!result->passed() && !is_over()) {
        Fail(v1::PROBE_OUTCOME_WRONG_OUTPUT,
             absl::StrCat("golden sample ", Quote(sample.name), ": ", result->detail()),
             absl::StrCat("the tolerance is rtol ", tolerance.rtol, ", atol ", tolerance.atol,
                          ": if the difference does not matter, widen execution.tolerance in config.json; "
                          "else the file holds other weights, or was made by another version of PyTorch"));
      }
    }
    Measure();
  }

  // Whether the plan is still the right one that was chosen for another version of the same graph: then
  // nothing is measured, and this version held to it by what it answers.
  bool TakeKnownPlan() {
    const auto& known = subject_.known_plans.plans();
    const auto chosen =
        std::find_if(known.begin(), known.end(), [](const auto& plan) { return plan.chosen(); });
    if (chosen == known.end()) return false;
    const Plan plan = PlanOf(*chosen);
    v1::PlanResult tried = *chosen;
    if (chosen != known.begin()) {
      Enter(absl::StrCat("trying it as ", PlanName(plan), ", which is known to be best"));
      try {
        PlanTrials trials(engine_, subject_, declared(), host_);
        if (!trials.Begin(/*measures=*/false).ok()) return false;
        tried = trials.Try(plan);
      } catch (const std::bad_alloc&) {
        return false;
      }
      if (!tried.refused().empty()) return false;
    }
    *report_.mutable_plans() = known;
    v1::PlanResult& taken = *report_.mutable_plans(static_cast<int>(chosen - known.begin()));
    taken.set_max_absolute(tried.max_absolute());
    taken.set_max_relative(tried.max_relative());
    report_.set_plans_of(subject_.known_plans.plans_of());
    report_.set_resident_bytes(std::max(report_.resident_bytes(), taken.resident_bytes()));
    return true;
  }

  void TryPlans() {
    report_.set_no_plans("the probe ended while it was measured as it was saved");  // unless it goes on
    Enter("measuring it as it was saved");
    report_.clear_no_plans();
    PlanTrials trials(engine_, subject_, declared(), host_);
    try {
      absl::StatusOr<v1::PlanResult> as_saved = trials.Begin();
      if (!as_saved.ok()) return report_.set_no_plans(ToUtf8(std::string(as_saved.status().message())));
      *report_.add_plans() = *std::move(as_saved);
    } catch (const std::bad_alloc&) {
      return report_.set_no_plans("memory ran out");
    }
    probed_bytes_ = report_.resident_bytes();
    Choose();
    const std::vector<Plan> plans = engine_.plans(subject_.format);
    for (auto plan = std::next(plans.begin()); plan != plans.end(); ++plan) {
      v1::PlanResult* const result = report_.add_plans();
      SetPlan(*plan, result);
      result->set_refused("the probe ended while it was tried");  // unless there is more to say
      Enter(absl::StrCat("trying it as ", PlanName(*plan)));
      try {
        *result = trials.Try(*plan);
      } catch (const std::bad_alloc&) {
        result->set_refused("memory ran out");
      }
      Choose();
    }
    DecideAmongFinalists(trials);
    ChooseThreadsOf(trials);
  }

  // What was measured at different times differs by what else the machine did.
  void DecideAmongFinalists(PlanTrials& trials) {
    std::vector<v1::PlanResult*> finalists;
    std::vector<std::string> names;
    const std::vector<int> indices = Finalists(report_.plans(), subject_.config.execution().objective());
    for (const int i : indices) {
      finalists.push_back(report_.mutable_plans(i));
      names.push_back(finalists.back()->name());
    }
    if (finalists.empty()) return;
    Enter(absl::StrCat("measuring it in turns as ", absl::StrJoin(names, ", ")));
    try {
      // Where that cannot be done, what was measured before decides.
      if (trials.MeasureInTurns(finalists).ok()) Choose(indices);
    } catch (const std::bad_alloc&) {
      return;
    }
  }

  // One, two, four and so on, and last as many as there may be.
  void ChooseThreadsOf(PlanTrials& trials) {
    const auto chosen = std::find_if(report_.mutable_plans()->begin(), report_.mutable_plans()->end(),
                                     [](const v1::PlanResult& plan) { return plan.chosen(); });
    if (subject_.most_threads <= 1 || !chosen->refused().empty()) return;
    for (int threads = 1;; threads = std::min(2 * threads, subject_.most_threads)) {
      Enter(absl::StrCat("measuring it on ", threads, threads == 1 ? " thread" : " threads"));
      try {
        // Where it cannot be had so, what was measured before decides.
        if (!trials.MeasureThreads(threads, &*chosen).ok()) return;
      } catch (const std::bad_alloc&) {
        return;
      }
      chosen->set_threads(ChooseThreads(chosen->thread_latencies()));
      if (chosen->threads() != threads || threads == subject_.most_threads) return;
    }
  }

  void Choose(const std::vector<int>& among = {}) {
    const int chosen = ChoosePlan(report_.plans(), subject_.config.execution().objective(), among);
    for (int i = 0; i < report_.plans_size(); ++i) report_.mutable_plans(i)->set_chosen(i == chosen);
    // It may have to run as it was saved all the same, on another machine.
    report_.set_resident_bytes(std::max(probed_bytes_, report_.plans(chosen).resident_bytes()));
  }

  void Refuse(const GoldenSample& sample, const absl::Status& status) {
    const std::string what =
        absl::StrCat("golden sample ", Quote(sample.name), ": ", std::string(status.message()));
    if (absl::IsResourceExhausted(status)) return FailForMemory(what);
    if (absl::IsInvalidArgument(status)) {
      return Fail(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG, what,
                  "the sample's inputs are not what the method takes; write it again from this model");
    }
    Fail(v1::PROBE_OUTCOME_RAISED, what, "the model raises on its own golden sample");
  }

  Engine& engine_;
  const ProbeSubject& subject_;
  ProbeHost& host_;
  const SteadyNow now_ = [this] { return host_.Now(); };
  const std::vector<DeclaredTensor> inputs_, outputs_;
  v1::ProbeReport report_;
  int64_t resident_before_ = 0;
  int64_t probed_bytes_ = 0;  // as it was saved
  std::unique_ptr<Executable> executable_;
};

}  // namespace

absl::StatusOr<v1::ProbeReport> RunProbe(Engine& engine, const ProbeSubject& subject, ProbeHost& host) {
  try {
    return Run(engine, subject, host).All();
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace modeld
