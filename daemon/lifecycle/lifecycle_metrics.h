// What the Manager did and what is in memory, as values: for /metrics and for who else measures.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/lifecycle/model_view.h"
#include "daemon/lifecycle/request_metrics.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/lifecycle/time_histogram.h"
#include "daemon/scheduling/instance_group.h"

namespace modeld {

inline constexpr size_t kVersionStates = 7;

// Since the daemon's start, of all models together.
struct LifecycleCounts {
  int64_t swaps = 0;                // of the version that is live
  int64_t rollbacks = 0;            // by a command
  int64_t automatic_rollbacks = 0;  // by the watch over a version that went live
  int64_t quarantines = 0;
  int64_t probes_passed = 0;
  int64_t probes_refused = 0;  // by the version's fault
  int64_t probes_failed = 0;   // by the machine's; tried again
  int64_t loads = 0;
  int64_t failed_loads = 0;
  TimeCounts swap;   // from the decision, over its record on disk, until requests see it
  TimeCounts drain;  // from when no new request could come until the version's memory was free
};

// A version in memory.
struct VersionMetrics {
  std::string version;
  bool live = false;
  std::string engine;
  std::string plan;
  int64_t resident_bytes = 0;
  int64_t artifact_bytes = 0;
  int64_t instances = 0;
  InstanceGroup::Load load;
  RequestCounts requests;
};

struct ModelMetrics {
  std::string name;
  std::array<int64_t, kVersionStates> versions_by_state{};  // by VersionState
  CountsByCode refused{};                                   // requests that no version was found for
  std::vector<VersionMetrics> versions;                     // in memory
};

struct LifecycleMetrics {
  LifecycleCounts counts;
  std::vector<ModelMetrics> models;  // by name
  int64_t memory_budget_bytes = 0;   // 0: without limit
  int64_t used_bytes = 0;            // by versions in memory, as measured when they were probed
  int64_t draining = 0;              // instances given up and not yet destroyed
};

// Of a version that `handle` holds; what the model knows of it is for the caller to add.
VersionMetrics MetricsOf(const ServedVersion& version);

}  // namespace modeld
