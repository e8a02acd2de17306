// JSON arrays to a tensor. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// `json`: one element, or nested arrays of equal lengths. `dtype` empty: BOOL, INT64, FP32 or BYTES, as the
// elements are. The elements go to the typed field of the dtype; whether they fit INT8 and the like the
// daemon checks. INVALID_ARGUMENT for ragged arrays, elements of another kind, and dtypes that cannot be
// written so.
absl::StatusOr<v1::Tensor> TensorFromJson(const std::string& dtype, const nlohmann::ordered_json& json);

}  // namespace modeld
