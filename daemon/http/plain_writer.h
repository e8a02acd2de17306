// Values of ours as plain JSON. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// As PlainRows, the whole.
absl::Status AppendPlainValue(const std::string& output, const v1::Value& value, std::string* json);

// The rows of a tensor. INVALID_ARGUMENT, naming the output: it has none. UNIMPLEMENTED: JSON has nothing for
// an element.
absl::Status PlainRows(const std::string& output, const v1::Value& value, std::vector<std::string>* rows);

}  // namespace modeld
