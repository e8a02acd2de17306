// ShadowStats: what a shadow's answers came to, compared with live's.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "daemon/lifecycle/latency_histogram.h"
#include "registry/base/mutex.h"

namespace modeld {

// As a value.
struct ShadowStatsView {
  int64_t compared = 0;
  int64_t agreed = 0;           // of those compared
  int64_t failed = 0;           // the shadow raised, or does not take the request, where live answered
  int64_t skipped = 0;          // copies that were left out because the daemon was busy
  double max_absolute = 0;      // largest difference of two numbers that should have been equal
  std::string last_difference;  // or failure; empty: none yet
  double live_seconds = 0;      // medians of the two on the same requests
  double shadow_seconds = 0;
};

// Thread-safe. One lives as long as a version is a model's shadow; the serving table's entries share it. It
// is written for shadowed requests only, on the shadow's thread.
class ShadowStats {
 public:
  struct Comparison {
    bool agreed = false;
    std::string difference;  // one line; empty where they agree
    double max_absolute = 0;
    int64_t live_nanoseconds = 0;
    int64_t shadow_nanoseconds = 0;
  };

  void RecordComparison(const Comparison& comparison);
  void RecordFailure(const std::string& error);
  // On the request path; takes no lock.
  void RecordSkipped() { skipped_.fetch_add(1, std::memory_order_relaxed); }

  ShadowStatsView View() const;

 private:
  std::atomic<int64_t> skipped_{0};
  mutable Mutex mutex_;
  ShadowStatsView counts_ ABSL_GUARDED_BY(mutex_);  // without `skipped` and the medians
  LatencyHistogram live_;
  LatencyHistogram shadow_;
};

}  // namespace modeld
