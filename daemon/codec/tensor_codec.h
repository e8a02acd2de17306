// Between the wire's Tensor and the engine's: the part of value_codec.h that knows element layouts. Pure
// functions.
#pragma once

#include "absl/status/statusor.h"
#include "daemon/engine/tensor.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// As FromWire of value_codec.h; messages do not name the value.
absl::StatusOr<Tensor> TensorFromWire(v1::Tensor& wire);

void TensorToWire(const Tensor& tensor, v1::Tensor* wire);

}  // namespace modeld
