// Models and versions as the world sees them: snapshots, as values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "registry/records.h"

namespace modeld {

enum class VersionState { kAvailable, kLoading, kReady, kDraining, kQuarantined, kRetired };

// "available", "loading", …
std::string_view VersionStateName(VersionState state);

struct VersionView {
  VersionRecord record;  // its warnings include those of the last load
  VersionState state = VersionState::kAvailable;
  std::string reason;  // of a quarantine or retirement, or the error of the last load
  std::string engine;  // empty while not in memory
};

struct ModelView {
  std::string name;
  std::vector<VersionView> versions;          // highest first
  std::string live;                           // what unnamed requests get; empty: nothing is served
  std::map<std::string, std::string> labels;  // `live`, `previous`
  std::string pinned;
  std::string pin_reason;
};

struct ManagerCounts {
  int models = 0;
  int versions = 0;
  int ready = 0;
  int quarantined = 0;
};

}  // namespace modeld
