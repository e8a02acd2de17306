// ParseStrictJson: JSON as RFC 8259 has it, refusing what it leaves open. Internal to the config's parser.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace modeld {

struct StrictJson {
  nlohmann::json value;
  // How fractions were spelled, by path, where writing the number again would spell it differently: 1.10.
  std::map<std::string, std::string> spellings;
};

// INVALID_ARGUMENT: a syntax error (with line and column), a key that is there twice, more than `max_depth`
// levels of objects and arrays, text that is not UTF-8.
absl::StatusOr<StrictJson> ParseStrictJson(std::string_view text, size_t max_depth);

// Where a value stands: `inputs[0].shape[1]`; keys that are no identifiers are quoted. The root's path is
// empty.
std::string MemberPath(const std::string& object, const std::string& key);
std::string ElementPath(const std::string& array, size_t index);

}  // namespace modeld
