#include "daemon/probe/declared.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/dtype.h"
#include "registry/base/artifact_format.h"
#include "registry/base/quote.h"

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

std::string Names(const NamedValues& outputs) {
  if (outputs.empty()) return "nothing";
  return absl::StrJoin(outputs, ", ",
                       [](std::string* out, const auto& output) { out->append(Quote(output.first)); });
}

}  // namespace

std::vector<DeclaredTensor> DeclaredTensors(const google::protobuf::RepeatedPtrField<v1::TensorSpec>& specs) {
  std::vector<DeclaredTensor> declared;
  declared.reserve(specs.size());
  for (const v1::TensorSpec& spec : specs) declared.push_back(FromSpec(spec));
  return declared;
}

bool AllowsEngine(const v1::ExecutionConfig& execution, std::string_view engine) {
  const std::string& wanted = execution.engine();
  return wanted.empty() || wanted == "auto" || wanted == engine;
}

absl::Status CheckEngine(const v1::ModelConfig& config, const Engine& engine, ArtifactFormat format) {
  std::vector<std::string> engines;
  for (const Plan& plan : engine.plans(format)) {
    if (AllowsEngine(config.execution(), plan.engine)) return absl::OkStatus();
    if (engines.empty() || engines.back() != plan.engine) engines.push_back(plan.engine);
  }
  if (engines.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("this build has no engine that runs ", std::string(FormatName(format))));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "execution.engine is ", Quote(config.execution().engine()), ", but this build runs ",
      std::string(FormatName(format)), " with ", absl::StrJoin(engines, " or "), "; name that, or \"auto\""));
}

std::vector<int64_t> WarmUpSizes(const v1::ModelConfig& config) {
  const auto& sizes = config.warmup().batch_sizes();
  if (!sizes.empty()) return {sizes.begin(), sizes.end()};
  std::set<int64_t> used = {1};
  const v1::BatchingConfig& batching = config.batching();
  if (batching.max_batch_size() > 1) {
    used.insert(batching.max_batch_size());
    used.insert(batching.preferred_batch_sizes().begin(), batching.preferred_batch_sizes().end());
  }
  return {used.begin(), used.end()};
}

std::string OutputsContradiction(const NamedValues& outputs, const std::vector<DeclaredTensor>& declared) {
  for (const DeclaredTensor& output : declared) {
    const auto found = outputs.find(output.name);
    if (found == outputs.end()) {
      return absl::StrCat("there is no output ", Quote(output.name),
                          ", which the config declares; it returned ", Names(outputs));
    }
    const Tensor* const tensor = found->second.get_if<Tensor>();
    if (tensor == nullptr) continue;
    const std::string contradiction = Contradiction(output, *tensor);
    if (contradiction.empty()) continue;
    return absl::StrCat("output ", Quote(output.name), " is ", TensorSummary(tensor->dtype, tensor->shape),
                        ", declared ", DeclaredSummary(output), " (", contradiction, ")");
  }
  return "";
}

}  // namespace modeld
