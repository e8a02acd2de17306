#include "registry/routing.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr size_t kMaxLabelBytes = 64;

bool IsLabelCharacter(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

}  // namespace

std::vector<std::string> RoutedVersions(const Routing& routing) {
  std::set<std::string> versions;
  for (const auto& [label, version] : routing.labels) versions.insert(version);
  for (const std::string& version : {routing.canary, routing.shadow}) {
    if (!version.empty()) versions.insert(version);
  }
  return {versions.begin(), versions.end()};
}

absl::Status ValidateLabel(std::string_view label) {
  for (const std::string_view reserved : {"live", "previous", "canary"}) {
    if (label != reserved) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "label ", Quote(label), " is the daemon's own; set it with promote, rollback or canary"));
  }
  const bool valid = !label.empty() && label.size() <= kMaxLabelBytes && IsLabelCharacter(label.front()) &&
                     std::all_of(label.begin(), label.end(), [](char c) {
                       return IsLabelCharacter(c) || c == '.' || c == '_' || c == '-';
                     });
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("label ", Quote(label),
                   " breaks the rule: expected 1 to 64 of a-z, 0-9, '.', '_', '-', and a letter or "
                   "digit first"));
}

absl::Status ValidateShare(double share) {
  if (share > 0 && share <= 1) return absl::OkStatus();  // false for NaN
  return absl::InvalidArgumentError(
      absl::StrCat("share ", share, " is out of range: expected more than 0 and at most 1 (0.05 is 5 %)"));
}

}  // namespace modeld
