// Models and versions as the world sees them: snapshots, as values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "daemon/lifecycle/shadow_stats.h"
#include "daemon/lifecycle/version_stats.h"
#include "registry/records.h"

namespace modeld {

enum class VersionState { kAvailable, kProbing, kLoading, kReady, kDraining, kQuarantined, kRetired };

// "available", "loading", …
std::string_view VersionStateName(VersionState state);

struct VersionView {
  VersionRecord record;  // its warnings include those of the last load
  VersionState state = VersionState::kAvailable;
  std::string reason;                     // of a quarantine or retirement, or the error of the last load
  std::string engine;                     // empty while not in memory
  std::string plan;                       // so is this
  std::optional<VersionStatsView> stats;  // none while not in memory
};

// What becomes of requests that name no version, beside going to live.
struct TrafficView {
  std::string canary;       // empty: none
  double canary_share = 0;  // in (0, 1]; 0 without a canary
  std::string shadow;       // empty: none
  double shadow_share = 0;  // in (0, 1]; 0 without a shadow
  ShadowStatsView shadow_stats = {};
};

// The watch over a version after it went live.
struct WatchView {
  std::string version;
  std::string previous;  // where live goes if it fails the watch; empty: nowhere
  absl::Time ends_at;
};

struct ModelView {
  std::string name;
  std::vector<VersionView> versions;          // highest first
  std::string live;                           // what unnamed requests get; empty: nothing is served
  std::map<std::string, std::string> labels;  // `live`, `previous`, `canary`, and those that people set
  std::string pinned;
  std::string pin_reason;
  std::optional<TrafficView> traffic;  // none: all of it goes to live
  std::optional<WatchView> watch;      // none: nothing is watched
};

struct ManagerCounts {
  int models = 0;
  int versions = 0;
  int ready = 0;
  int quarantined = 0;
};

}  // namespace modeld
