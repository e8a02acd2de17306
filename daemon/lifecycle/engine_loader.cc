#include "daemon/lifecycle/engine_loader.h"

#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/bind.h"
#include "daemon/lifecycle/version_names.h"
#include "daemon/lifecycle/warm_up.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

DeclaredTensor FromSpec(const v1::TensorSpec& spec) {
  DeclaredTensor declared;
  declared.name = spec.name();
  declared.dtype = DTypeFromName(spec.dtype());
  // Protobuf cannot tell an absent list from an empty one: a scalar's shape cannot be declared.
  if (spec.shape_size() > 0) declared.shape.emplace(spec.shape().begin(), spec.shape().end());
  return declared;
}

std::vector<DeclaredTensor> FromSpecs(const google::protobuf::RepeatedPtrField<v1::TensorSpec>& specs) {
  std::vector<DeclaredTensor> declared;
  declared.reserve(specs.size());
  for (const v1::TensorSpec& spec : specs) declared.push_back(FromSpec(spec));
  return declared;
}

absl::Status CheckEngine(const v1::ModelConfig& config, std::string_view engine) {
  const std::string& wanted = config.execution().engine();
  if (wanted.empty() || wanted == "auto" || wanted == engine) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("execution.engine is ", Quote(wanted),
                                                 ", but this build has only ", Quote(engine),
                                                 "; name that one, or \"auto\""));
}

std::vector<int64_t> WarmUpSizes(const v1::ModelConfig& config) {
  const auto& sizes = config.warmup().batch_sizes();
  if (sizes.empty()) return {1};
  return {sizes.begin(), sizes.end()};
}

}  // namespace

EngineLoader::EngineLoader(Engine* engine, const ArtifactStore* store, Registry* registry)
    : engine_(engine), store_(store), registry_(registry) {}

absl::StatusOr<LoadedVersion> EngineLoader::Load(const VersionRecord& record) {
  // Warm-up makes tensors as large as the config says; where memory ends that must not end the daemon.
  try {
    return LoadAndWarm(record);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  }
}

absl::StatusOr<LoadedVersion> EngineLoader::LoadAndWarm(const VersionRecord& record) {
  MODELD_ASSIGN_OR_RETURN(const std::string config_json, registry_->ConfigOf(record.model, record.version));
  MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(config_json));
  MODELD_RETURN_IF_ERROR(CheckEngine(parsed.config, engine_->name()));
  if (!store_->Contains(record.sha256)) {
    return absl::NotFoundError(absl::StrCat("the artifact of ", NameVersion(record.model, record.version),
                                            " is missing: ", store_->PathOf(record.sha256),
                                            "; restore it from a backup, or drop its file again"));
  }
  PrepareThisThread();
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<Executable> executable,
                          engine_->Load({.artifact_path = store_->PathOf(record.sha256)}));

  auto version = std::make_unique<ServedVersion>();
  version->model = record.model;
  version->version = record.version;
  version->engine = std::string(engine_->name());
  version->inputs = FromSpecs(parsed.config.inputs());
  version->outputs = FromSpecs(parsed.config.outputs());
  version->executable = std::move(executable);
  MODELD_RETURN_IF_ERROR(
      CheckDeclarations(version->executable->methods().front(), version->inputs, version->outputs));

  std::vector<std::string> warnings =
      WarmUp(*version->executable, version->inputs, WarmUpSizes(parsed.config));
  return LoadedVersion{std::move(version), std::move(warnings)};
}

void EngineLoader::PrepareThisThread() {
  thread_local const Engine* prepared_for = nullptr;
  if (prepared_for == engine_) return;
  engine_->PrepareThread(/*intra_op_threads=*/1);
  prepared_for = engine_;
}

}  // namespace modeld
