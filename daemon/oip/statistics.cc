#include "daemon/oip/statistics.h"

namespace modeld {

inference::ModelStatistics StatisticsOf(const ServedVersion& version) {
  const StatsSnapshot stats = version.stats.Snapshot();
  inference::ModelStatistics statistics;
  statistics.set_name(version.model);
  statistics.set_version(version.version);
  statistics.mutable_inference_stats()->mutable_success()->set_count(
      static_cast<uint64_t>(stats.requests - stats.errors));
  statistics.mutable_inference_stats()->mutable_fail()->set_count(static_cast<uint64_t>(stats.errors));
  return statistics;
}

}  // namespace modeld
