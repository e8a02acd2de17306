#include "daemon/lifecycle/engine_loader.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/bind.h"
#include "daemon/lifecycle/version_labels.h"
#include "daemon/lifecycle/version_names.h"
#include "daemon/lifecycle/version_vision.h"
#include "daemon/probe/choose_plan.h"
#include "daemon/probe/declared.h"
#include "daemon/probe/generated_inputs.h"
#include "daemon/probe/known_inputs.h"
#include "daemon/probe/probed_elsewhere.h"
#include "daemon/probe/tolerance.h"
#include "daemon/probe/warm_up.h"
#include "registry/artifact_reader.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

// The probe has found out already how long it takes; this is to make it so. A module that forks spends hardly
// any CPU time of the calling thread, and a thread in the background may not get any.
constexpr WarmUpLimits kWarmUpLimits = {
    .max_calls = 30, .max_time = absl::Seconds(5), .max_wall = absl::Seconds(20)};

void Warm(const ServedVersion& version, const v1::ModelConfig& config,
          const std::vector<GoldenSample>& samples, std::vector<std::string>* warnings) {
  Executable& executable = *version.executable;
  const Declarations declared = {.inputs = version.inputs, .outputs = version.outputs};
  const auto warn = [&](const WarmUpResult& result) {
    if (std::string warning = WarmUpWarning(result); !warning.empty()) {
      warnings->push_back(std::move(warning));
    }
  };
  if (CanGenerate(executable.methods().front(), version.inputs)) {
    for (const int64_t batch_size : WarmUpSizes(config)) {
      warn(WarmUp(executable, declared, batch_size, kWarmUpLimits, ThreadCpuTime));
    }
  } else if (const GoldenSample* const sample = SampleOfForward(executable, samples); sample != nullptr) {
    warn(WarmUpOnSample(executable, declared, *sample, kWarmUpLimits, ThreadCpuTime));
  }
}

}  // namespace

EngineLoader::EngineLoader(Engine* engine, const ArtifactStore* store, Registry* registry,
                           RequestScheduler* scheduler, const EngineLoaderOptions& options)
    : engine_(engine),
      store_(store),
      registry_(registry),
      scheduler_(scheduler),
      options_(options),
      machine_(ThisMachine()) {}

absl::StatusOr<LoadedVersion> EngineLoader::Load(const VersionRecord& record, bool awaited) {
  // Warm-up makes tensors as large as the config says; where memory ends that must not end the daemon.
  try {
    return ReadAndLoad(record, awaited);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  }
}

absl::StatusOr<LoadedVersion> EngineLoader::ReadAndLoad(const VersionRecord& record, bool awaited) {
  MODELD_RETURN_IF_ERROR(CheckAllowed(record.format, options_.formats));
  MODELD_ASSIGN_OR_RETURN(const std::string config_json, registry_->ConfigOf(record.model, record.version));
  MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(config_json));
  MODELD_RETURN_IF_ERROR(CheckEngine(parsed.config, *engine_, record.format));
  if (!store_->Contains(record.sha256)) {
    return absl::NotFoundError(absl::StrCat("the artifact of ", NameVersion(record.model, record.version),
                                            " is missing: ", store_->PathOf(record.sha256),
                                            "; restore it from a backup, or drop its file again"));
  }
  MODELD_ASSIGN_OR_RETURN(const std::vector<GoldenSample> samples,
                          ReadGoldenSamples(*store_, *registry_, record, parsed.config));
  // All that takes long, and nothing that takes a lock of ours.
  const auto load = [&] { return LoadAndWarm(record, parsed.config, samples); };
  absl::StatusOr<LoadedVersion> loaded = awaited ? load() : background_.Run(load);
  // Whatever came of it: another version may be at fault.
  MODELD_RETURN_IF_ERROR(engine_->health());
  if (!loaded.ok()) return VersionOrPlace(record, loaded.status());
  return loaded;
}

absl::Status EngineLoader::VersionOrPlace(const VersionRecord& record, const absl::Status& why) const {
  if (!absl::IsInvalidArgument(why) && !absl::IsUnimplemented(why)) return why;
  MODELD_ASSIGN_OR_RETURN(const std::optional<v1::ProbeReport> probe,
                          registry_->ProbeOf(record.model, record.version));
  const std::string message(why.message());
  if (!probe.has_value() || probe->outcome() != v1::PROBE_OUTCOME_PASSED) {
    return absl::InvalidArgumentError(message);
  }
  const std::string elsewhere = ProbedElsewhere(*probe, EngineText(*engine_), machine_.cpu_model);
  if (absl::IsInvalidArgument(why) && elsewhere.empty()) return why;
  return absl::FailedPreconditionError(absl::StrCat(message, elsewhere));
}

absl::StatusOr<LoadedVersion> EngineLoader::LoadAndWarm(const VersionRecord& record,
                                                        const v1::ModelConfig& config,
                                                        const std::vector<GoldenSample>& samples) {
  PrepareThisThread();
  const Plan as_saved = engine_->plans(record.format).front();
  MODELD_ASSIGN_OR_RETURN(const Measured measured, MeasuredFor(record));
  absl::StatusOr<LoadedVersion> loaded = LoadByPlan(record, config, samples, measured);
  if (loaded.ok() && !AllowsEngine(config.execution(), measured.plan.engine)) {
    loaded->warnings.push_back(absl::StrCat("execution.engine is ", Quote(config.execution().engine()),
                                            ", but it runs as ", PlanName(measured.plan),
                                            "; `modelctl plans` says why, once that was tried"));
  }
  if (measured.plan == as_saved || !absl::IsInvalidArgument(loaded.status())) return loaded;
  // It may be the plan that is at fault.
  const absl::Status why = loaded.status();
  loaded = LoadByPlan(record, config, samples, {.plan = as_saved, .threads = 0});
  if (loaded.ok()) {
    loaded->warnings.push_back(absl::StrCat("it runs as it was saved, and not as ", PlanName(measured.plan),
                                            ": ", std::string(why.message())));
  }
  return loaded;
}

absl::StatusOr<EngineLoader::Measured> EngineLoader::MeasuredFor(const VersionRecord& record) const {
  const std::vector<Plan> plans = engine_->plans(record.format);
  const Measured as_saved = {.plan = plans.front(), .threads = 0};
  if (!options_.use_plans) return as_saved;
  MODELD_ASSIGN_OR_RETURN(const std::optional<v1::ProbeReport> probe,
                          registry_->ProbeOf(record.model, record.version));
  if (!probe.has_value()) return as_saved;
  const std::string engine = EngineText(*engine_);
  const auto chosen = std::find(plans.begin(), plans.end(), ChosenPlan(*probe, engine, machine_));
  if (chosen == plans.end()) return as_saved;
  return Measured{.plan = *chosen, .threads = ChosenThreads(*probe, engine, machine_)};
}

absl::StatusOr<LoadedVersion> EngineLoader::LoadByPlan(const VersionRecord& record,
                                                       const v1::ModelConfig& config,
                                                       const std::vector<GoldenSample>& samples,
                                                       const Measured& measured) {
  MODELD_ASSIGN_OR_RETURN(UnpackedFiles unpacked, TakeUnpacked(record));
  const InstancePlan instances = InstancePlanOf(config, options_.scheduling, measured.threads);
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<Executable> executable,
                          engine_->Load({.artifact_path = store_->PathOf(record.sha256),
                                         .format = record.format,
                                         .unpacked = unpacked.directory(),
                                         .plan = measured.plan,
                                         .device = DeviceOf(config),
                                         .inputs = KnownInputs(DeclaredTensors(config.inputs()), samples),
                                         .callers = instances.instances,
                                         .threads_per_run = instances.threads_per_instance}));

  KeepUnpacked(record, std::move(unpacked));

  auto version = std::make_unique<ServedVersion>();
  version->model = record.model;
  version->version = record.version;
  version->engine = measured.plan.engine;
  version->plan = PlanText(PlanName(measured.plan),
                           measured.threads > 1 ? instances.threads_per_instance : measured.threads);
  version->inputs = DeclaredTensors(config.inputs());
  version->outputs = DeclaredTensors(config.outputs());
  version->resident_bytes = record.resident_bytes;
  version->guard = GuardLimitsOf(config.guard(), options_.default_watch);
  version->tolerance = ToleranceOf(config);
  version->executable = std::move(executable);
  MODELD_RETURN_IF_ERROR(
      CheckDeclarations(version->executable->methods().front(), version->inputs, version->outputs));
  MODELD_ASSIGN_OR_RETURN(version->labels, ReadVersionLabels(*store_, record, config));
  MODELD_RETURN_IF_ERROR(SetVision(config, options_.images, *version));

  std::vector<std::string> warnings;
  MODELD_ASSIGN_OR_RETURN(InstanceGroupOptions group,
                          InstanceOptionsOf(config, instances, *version->executable, version->inputs,
                                            options_.scheduling, &warnings));
  group.name = absl::StrCat(record.model, " ", record.version);
  version->instances = scheduler_->NewGroup(version->executable.get(), std::move(group));
  Warm(*version, config, samples, &warnings);
  MODELD_RETURN_IF_ERROR(CheckGolden(*version, samples, version->tolerance));
  return LoadedVersion{std::move(version), std::move(warnings)};
}

absl::StatusOr<UnpackedFiles> EngineLoader::TakeUnpacked(const VersionRecord& record) {
  if (options_.unpacker == nullptr) return UnpackedFiles();
  {
    MutexLock lock(&mutex_);
    if (const auto kept = unpacked_.find(record.sha256); kept != unpacked_.end()) {
      UnpackedFiles files = std::move(kept->second);
      unpacked_.erase(kept);
      return files;
    }
  }
  return options_.unpacker->Unpack(store_->PathOf(record.sha256), record.format);
}

void EngineLoader::KeepUnpacked(const VersionRecord& record, UnpackedFiles files) {
  if (files.directory().empty()) return;
  MutexLock lock(&mutex_);
  unpacked_.try_emplace(record.sha256, std::move(files));
}

// Not in the background: a model that runs one call at a time would keep its callers waiting.
absl::Status EngineLoader::CheckAgain(const VersionRecord& record, const ServedVersion& version) {
  try {
    MODELD_ASSIGN_OR_RETURN(const std::string config_json, registry_->ConfigOf(record.model, record.version));
    MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(config_json));
    MODELD_ASSIGN_OR_RETURN(const std::vector<GoldenSample> samples,
                            ReadGoldenSamples(*store_, *registry_, record, parsed.config));
    PrepareThisThread();
    const absl::Status checked = CheckGolden(version, samples, ToleranceOf(parsed.config));
    MODELD_RETURN_IF_ERROR(engine_->health());
    return checked;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  }
}

void EngineLoader::PrepareThisThread() {
  thread_local const Engine* prepared_for = nullptr;
  if (prepared_for == engine_) return;
  engine_->PrepareThread(/*intra_op_threads=*/1);
  prepared_for = engine_;
}

}  // namespace modeld
