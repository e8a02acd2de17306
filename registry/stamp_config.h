// StampConfig: a config.json with another name and version. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace modeld {

struct Stamp {
  std::string name;  // empty: as it is
  std::string version;
  std::optional<std::string> description;  // none: as it is
  bool force = false;                      // also over another name or version, or a config that is broken
};

struct StampedConfig {
  std::string json;  // as it is to be written
  std::string name;  // empty: left to the file's path
  std::string version;
  // What the owner should know: keys that were kept, and what ParseModelConfig warns of.
  std::vector<std::string> warnings;
};

// `existing` is the archive's config.json; none: it carries none. All its other keys are kept, in their
// order.
//
// INVALID_ARGUMENT: the result, or `existing`, is no valid config (naming the field); FAILED_PRECONDITION:
// `existing` says another name or version. With `force` neither is asked of `existing`.
absl::StatusOr<StampedConfig> StampConfig(const std::optional<std::string>& existing, const Stamp& stamp);

}  // namespace modeld
