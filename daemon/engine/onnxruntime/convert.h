// Values of ours and ONNX Runtime's. All throw what ONNX Runtime throws.
#pragma once

#include <onnxruntime_cxx_api.h>

#include "absl/status/statusor.h"
#include "daemon/engine/value.h"

namespace modeld {

// Shares the tensor's bytes, which outlive it; `tensor` gets other bytes first where they are not aligned.
// Strings are copied. REQUIRES: its bytes fit its shape.
Ort::Value ToOrtValue(Tensor& tensor);

// A tensor shares its bytes and keeps them. UNIMPLEMENTED for what no Value can hold.
absl::StatusOr<Value> FromOrtValue(Ort::Value value);

}  // namespace modeld
