#include "daemon/lifecycle/shadow_stats.h"

#include <algorithm>

namespace modeld {

void ShadowStats::RecordComparison(const Comparison& comparison) {
  live_.Record(comparison.live_nanoseconds);
  shadow_.Record(comparison.shadow_nanoseconds);
  MutexLock lock(&mutex_);
  ++counts_.compared;
  if (comparison.agreed) {
    ++counts_.agreed;
  } else {
    counts_.last_difference = comparison.difference;
  }
  counts_.max_absolute = std::max(counts_.max_absolute, comparison.max_absolute);
}

void ShadowStats::RecordFailure(const std::string& error) {
  MutexLock lock(&mutex_);
  ++counts_.failed;
  counts_.last_difference = error;
}

ShadowStatsView ShadowStats::View() const {
  ShadowStatsView view;
  {
    MutexLock lock(&mutex_);
    view = counts_;
  }
  view.skipped = skipped_.load(std::memory_order_relaxed);
  view.live_seconds = live_.Snapshot().Median();
  view.shadow_seconds = shadow_.Snapshot().Median();
  return view;
}

}  // namespace modeld
