// VersionStats: what a version in memory has done so far, counted on the request path.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "daemon/lifecycle/latency_histogram.h"
#include "daemon/lifecycle/striped.h"

namespace modeld {

// Counts, as a value. The difference of two snapshots of one VersionStats, the later minus the earlier, is
// what came between: a window. Those of two different ones (a version that was unloaded and loaded again
// counts from zero) must not be subtracted.
struct StatsSnapshot {
  int64_t requests = 0;        // that were run
  int64_t errors = 0;          // of them, that failed by the model's fault
  int64_t looked_for_nan = 0;  // answers that were looked at for NaN
  int64_t not_a_number = 0;    // of those looked at, that held one
  int64_t nan_of_huge = 0;     // of these, that came of huge inputs
  LatencyCounts latency;       // of the model's own time, for requests that it answered

  double error_ratio() const { return Ratio(errors, requests); }
  double nan_ratio() const { return Ratio(not_a_number, looked_for_nan); }

  StatsSnapshot& operator+=(const StatsSnapshot& other);
  StatsSnapshot& operator-=(const StatsSnapshot& other);

 private:
  static double Ratio(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};
using StatsWindow = StatsSnapshot;

inline StatsWindow operator-(StatsSnapshot later, const StatsSnapshot& earlier) { return later -= earlier; }

// INTERNAL and UNIMPLEMENTED: the model raised, or returned what no Value holds. Everything else that Run
// answers is the request's fault or the machine's.
bool IsModelsFault(absl::StatusCode code);

// One request that was run.
struct RequestOutcome {
  absl::StatusCode code = absl::StatusCode::kOk;
  int64_t nanoseconds = 0;      // the model's own time
  bool looked_for_nan = false;  // the answer was looked at
  bool not_a_number = false;    // and held one
  bool huge_inputs = false;     // the inputs held what a NaN may come from
};

// What people are told of a version's counts.
struct VersionStatsView {
  int64_t requests = 0;
  int64_t errors = 0;
  int64_t not_a_number = 0;
  double latency_p50_seconds = 0;
  double latency_p99_seconds = 0;
};

// Thread-safe, without a lock: each thread counts in one of several stripes, of 5 KiB each.
class VersionStats {
 public:
  // Never throws: where there is no memory to count in, the request is not counted.
  void Record(const RequestOutcome& outcome);
  // What was recorded before the call is in it; what is recorded meanwhile may be, and then never an error
  // without its request.
  StatsSnapshot Snapshot() const;
  VersionStatsView View() const;

  // Whether answers are to be looked at for NaN: while the version is watched, is the canary, or is what a
  // canary is compared with. Normal traffic does not pay for it.
  bool look_for_nan() const { return look_for_nan_.load(std::memory_order_relaxed); }
  void set_look_for_nan(bool look) { look_for_nan_.store(look, std::memory_order_relaxed); }

 private:
  struct alignas(64) Stripe {
    std::atomic<int64_t> requests{0};
    std::atomic<int64_t> errors{0};
    std::atomic<int64_t> looked_for_nan{0};
    std::atomic<int64_t> not_a_number{0};
    std::atomic<int64_t> nan_of_huge{0};
    LatencyHistogram latency;
  };

  std::atomic<bool> look_for_nan_{false};
  Striped<Stripe> stripes_;
};

}  // namespace modeld
