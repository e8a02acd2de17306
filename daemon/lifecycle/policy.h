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
  bool failed = false;  // its last load failed by the machine's fault; another try is pending
  bool held = false;    // of a release that is not live: only a person can make it live
  bool wanted = false;  // to be in memory, whatever is live: routed to, or of a release that is prepared
};

struct PolicyInput {
  std::vector<PolicyVersion> versions;  // any order
  LiveState live;
};

struct PolicyDecision {
  // The version that should be live now, given what is ready; empty: none can be.
  std::string live;
  // Why, for the events table, where that moves live.
  std::string reason;
  // Versions that should be in memory, most urgent first: the live one, the target that live is to move to,
  // the previous one (for instant rollback), while pinned the highest good one (prepared for unpin), where
  // nothing is served since live and target failed to load the highest that has not failed, and those that
  // are wanted. Everything else should not be.
  std::vector<std::string> keep;

  friend bool operator==(const PolicyDecision&, const PolicyDecision&) = default;
};

// Live follows the highest usable version that is not held, or the pin where that is usable; but only ever to
// a ready version: until the target is ready, live stays where it is. Where it cannot stay (that version is
// not usable any more, or failed to load and is not the pin: a person's decision is not undone by the
// machine's passing trouble), it goes to the highest ready one.
PolicyDecision Decide(const PolicyInput& input);

// The state after the policy made `version` live: as Promote, but a pin stays.
LiveState MoveLive(const LiveState& state, const std::string& version);

// The highest usable version that is not held; empty: none.
std::string HighestUsable(const std::vector<PolicyVersion>& versions);

}  // namespace modeld
