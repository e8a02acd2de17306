// Flatten: values as tensors, for a protocol that has nothing else. Pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// A tensor by name; its elements stand in `raw`.
using NamedTensor = std::pair<std::string, v1::Tensor>;

// Takes `value` over as FillInferResponse says, and appends it to `tensors`. UNIMPLEMENTED, naming the
// output: complex numbers.
absl::Status Flatten(const std::string& name, v1::Value& value, std::vector<NamedTensor>* tensors);

}  // namespace modeld
