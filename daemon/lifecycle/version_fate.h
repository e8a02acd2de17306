// VersionFate: what became of a version that somebody waits for.
#pragma once

#include <optional>
#include <string>

#include "daemon/lifecycle/model_state.h"
#include "daemon/lifecycle/model_view.h"

namespace modeld {

enum class VersionFate {
  kLive,     // requests that name no version get it
  kRefused,  // quarantined or retired
  kKept,     // good, but kept from live: by a pin, a higher version, a release, or a lack of memory
};

struct FateReport {
  VersionFate fate = VersionFate::kLive;
  std::string reason;  // why it was refused, or what keeps it from live; empty for live
  VersionView version;
};

// None while it is under way: being probed or loaded, waiting for that, or about to become live. Pure.
// REQUIRES: `version` is registered.
std::optional<FateReport> FateOf(const ModelState& model, const std::string& version);

}  // namespace modeld
