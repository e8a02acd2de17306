// Order and spelling of version strings. Pure functions.
#pragma once

#include <compare>
#include <string_view>

#include "absl/status/status.h"

namespace modeld {

// Orders by SemVer 2.0.0 precedence (https://semver.org/#spec-item-11), widened to any number of dotted
// parts: numeric parts compare as numbers of any length (1.10 > 1.9), missing parts count as 0, a pre-release
// (`-rc.1`) comes before its release, build metadata (`+abc`) does not count. A `v` before a leading digit is
// ignored. Parts that are not numbers compare bytewise and come after numbers.
//
// Dates: a hyphen between numbers that stands before any dot separates parts as a dot does, so that
// 2024-06-01 < 2024-06-02 < 2024-06-02-1 and 20240601-0930 < 20240601-1545. No SemVer version is read
// otherwise by this, for there a dot always comes before the hyphen: 1.0.0-1 is a pre-release of 1.0.0.
//
// A total order: versions of equal precedence but other spelling (1.0 and 1.0.0) are ordered bytewise, so
// that "the highest" never depends on the order of arrival.
std::strong_ordering CompareVersions(std::string_view a, std::string_view b);

// For std::map and std::sort, lowest first.
struct VersionLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return CompareVersions(a, b) < 0; }
};

// OK if `version` matches [0-9A-Za-z][0-9A-Za-z._+-]{0,127}; else INVALID_ARGUMENT with the rule.
absl::Status ValidateVersion(std::string_view version);

// OK if `name` matches [a-z0-9][a-z0-9._-]{0,127}; else INVALID_ARGUMENT with the rule and, where
// lower-casing would do, the remedy.
absl::Status ValidateModelName(std::string_view name);

}  // namespace modeld
