// Routing: where a model's requests go beside to live. Values and pure functions; the daemon and `modelctl
// --db` use the same ones.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace modeld {

struct Routing {
  std::map<std::string, std::string> labels;  // those that people set, to their versions
  std::string canary;                         // empty: none
  double canary_share = 0;                    // of the unnamed requests, in (0, 1]; 0 without a canary
  std::string shadow;                         // empty: none
  double shadow_share = 0;                    // of the unnamed requests, in (0, 1]; 0 without a shadow

  friend bool operator==(const Routing&, const Routing&) = default;
};

// Versions that it names, each once, sorted.
std::vector<std::string> RoutedVersions(const Routing& routing);

// INVALID_ARGUMENT unless `label` is [a-z0-9][a-z0-9._-]{0,63} and none of `live`, `previous`, `canary`.
absl::Status ValidateLabel(std::string_view label);

// INVALID_ARGUMENT unless `share` is in (0, 1].
absl::Status ValidateShare(double share);

}  // namespace modeld
