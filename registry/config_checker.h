// Checks JSON against the ModelConfig's definition more strictly than protobuf's own JSON reader, which takes
// strings for numbers, null for anything and two spellings of a key. Internal to the config's parser.
#pragma once

#include <google/protobuf/descriptor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"

namespace modeld {

// OK if every key of `object` is a field of `message` in snake_case, every value has exactly its field's type
// and range; so in all messages below it. `spellings`: see
// StrictJson.
absl::Status CheckTypes(const nlohmann::json& object, const google::protobuf::Descriptor& message,
                        const std::map<std::string, std::string>& spellings);

// INVALID_ARGUMENT `config.json: <what>`.
absl::Status ConfigError(const std::string& what);
// INVALID_ARGUMENT `config.json: field "<path>": <what>`.
absl::Status FieldError(const std::string& path, const std::string& what);
// INVALID_ARGUMENT `config.json: unknown key "<path>" (did you mean "…"?)`, where `key` is the path's end.
absl::Status UnknownKey(const std::string& path, const std::string& key,
                        const google::protobuf::Descriptor& message);

// `the string "x"`, `the number 1.5`, `an object`, …
std::string DescribeJson(const nlohmann::json& value);

}  // namespace modeld
