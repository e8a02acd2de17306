// Makes tensors readable: raw bytes to the typed field of the dtype. Pure.
#pragma once

#include "absl/status/status.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// Every tensor in `value`, however deep. Complex tensors keep their raw bytes: they have no typed field.
// INVALID_ARGUMENT where a tensor's bytes do not fit its shape.
absl::Status UnpackTensors(v1::Value& value);

// IEEE 754 binary16 to float.
float HalfToFloat(uint16_t bits);

}  // namespace modeld
