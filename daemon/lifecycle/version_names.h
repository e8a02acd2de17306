// How messages name versions, alike everywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace modeld {

// `version "1.0" of model "digits"`.
std::string NameVersion(std::string_view model, std::string_view version);

// "1.3, 1.2, 1.1": highest first, at most 20, then "and 3 more"; "none".
std::string ListVersions(std::vector<std::string> versions);

// What to type to make a version live.
std::string PromoteCommand(std::string_view model, std::string_view version);

}  // namespace modeld
