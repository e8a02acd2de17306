// What a config says to whoever loads and tries its version. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/signature.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// Of config.inputs or config.outputs.
std::vector<DeclaredTensor> DeclaredTensors(const google::protobuf::RepeatedPtrField<v1::TensorSpec>& specs);

// INVALID_ARGUMENT where the config's execution.engine names one that has no plan for the format.
absl::Status CheckEngine(const v1::ModelConfig& config, const Engine& engine, ArtifactFormat format);

// Whether execution.engine leaves the choice of the plan's engine open, or names it.
bool AllowsEngine(const v1::ExecutionConfig& execution, std::string_view engine);

// warmup.batch_sizes; else 1, and where requests are joined, the largest batch and the preferred sizes.
std::vector<int64_t> WarmUpSizes(const v1::ModelConfig& config);

// What of an answer contradicts the declared outputs: `output "logits" is FP32[1,9], declared FP32[-1,10]
// (dimension 1 is 9, not 10)`, or one that is missing. Empty: nothing does. Values that are no tensors are as
// they are.
std::string OutputsContradiction(const NamedValues& outputs, const std::vector<DeclaredTensor>& declared);

}  // namespace modeld
