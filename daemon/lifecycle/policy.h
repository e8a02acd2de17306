// Policy: which version of a model should be live and which should be in memory. A pure function of a
// snapshot; idempotent: applying its decision and asking again asks for nothing more.
#pragma once

#include <string>
#include <vector>

#include "registry/live_state.h"

namespace modeld {

// One version as the policy sees it.
struct PolicyVersion {
  std::string version;
  bool usable = false;  // good: neither quarantined nor retired
  bool ready = false;   // in memory and warm
};

struct PolicyInput {
  std::vector<PolicyVersion> versions;  // any order
  LiveState live;
};

struct PolicyDecision {
  // The version that should be live now, given what is ready; empty: none can be.
  std::string live;
  // Versions that should be in memory, most urgent first: the live one, the target that live is to move to,
  // the previous one (for instant rollback), and, while pinned, the highest good one (prepared for unpin).
  // Everything else should not be.
  std::vector<std::string> keep;

  friend bool operator==(const PolicyDecision&, const PolicyDecision&) = default;
};

// Live follows the highest usable version, or the pin where that is usable; but only ever to a ready version:
// until the target is ready, live stays where it is, and if that version is not usable any more, goes to the
// highest ready one.
PolicyDecision Decide(const PolicyInput& input);

// The highest usable version; empty: none.
std::string HighestUsable(const std::vector<PolicyVersion>& versions);

}  // namespace modeld
