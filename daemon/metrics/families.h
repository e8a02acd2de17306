// What is measured, as Prometheus' metric families. docs/metrics.md names and explains each.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "daemon/lifecycle/lifecycle_metrics.h"
#include "daemon/metrics/process_metrics.h"

namespace modeld {

// All that is measured at one moment, as values.
struct Measured {
  std::string daemon_version;
  LifecycleMetrics lifecycle;
  CountsByCode refused_without_model{};  // requests to models that nobody knows
  int64_t requests_in_flight = 0;
  int64_t running_threads = 0;
  bool ready = false;  // every version that was live before the start is loaded or has failed
  bool drop_directory_readable = false;
  int64_t dropped_files = 0;   // that are not registered versions: settling, retried or quarantined
  int64_t sequences = 0;       // that are open
  int64_t sequence_bytes = 0;  // that their states take
  ProcessMetrics process;
};

// Pure. A version's series are made from what is in memory now, so that those of an unloaded one are gone.
std::vector<prometheus::MetricFamily> Families(const Measured& measured);

}  // namespace modeld
