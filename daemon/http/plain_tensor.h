// Values of ours to and from plain JSON. Pure functions. Not for other rooms: it shows the JSON library.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/dtype.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// {"b64": "..."}.
bool IsBytes(const nlohmann::json& json);

// Nested arrays, or one element, as a tensor; none: the elements tell the dtype. INVALID_ARGUMENT: they are
// ragged, or an element is none of the dtype.
absl::StatusOr<v1::Tensor> PlainTensor(const nlohmann::json& json, std::optional<DType> dtype);

// As PlainRows, the whole.
absl::Status AppendPlainValue(const std::string& output, const v1::Value& value, std::string* json);

// The rows of a tensor. INVALID_ARGUMENT, naming the output: it has none. UNIMPLEMENTED: JSON has nothing for
// an element.
absl::Status PlainRows(const std::string& output, const v1::Value& value, std::vector<std::string>* rows);

void AppendPlainString(std::string_view text, std::string* json);

}  // namespace modeld
