#include "daemon/predict/numbered_names.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace modeld {

std::optional<size_t> NumberOf(const std::string& name, const char* prefix) {
  if (!absl::StartsWith(name, prefix)) return std::nullopt;
  const std::string digits = name.substr(std::strlen(prefix));
  uint32_t number = 0;
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || !absl::SimpleAtoi(digits, &number)) return std::nullopt;
  return number;
}

const std::string& ArgumentOfNumbered(const Method& method, const std::string& name) {
  const std::optional<size_t> number = NumberOf(name, kNumberedInput);
  if (!number || *number >= method.arguments.size()) return name;
  const bool is_argument = std::any_of(method.arguments.begin(), method.arguments.end(),
                                       [&](const Argument& argument) { return argument.name == name; });
  return is_argument ? name : method.arguments[*number].name;
}

}  // namespace modeld
