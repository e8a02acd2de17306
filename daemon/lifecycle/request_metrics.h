// RequestMetrics: the requests to a version in memory, counted on the request path for people and their tools
// (/metrics, ModelStatistics). What a version is held to is counted apart: see VersionStats.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/lifecycle/striped.h"
#include "daemon/lifecycle/time_histogram.h"

namespace modeld {

// Canonical codes are 0 to 16; any other counts as UNKNOWN.
inline constexpr size_t kStatusCodes = 17;
size_t IndexOfCode(absl::StatusCode code);
using CountsByCode = std::array<int64_t, kStatusCodes>;

// Sizes of runs in rows: each up to 64, and above that up to the next power of two.
struct RunSizes {
  static constexpr size_t kExact = 64;
  static constexpr size_t kSizes = kExact + 16;
  static size_t IndexOf(int64_t rows);
  // The largest size that counts at this index.
  static int64_t RowsOf(size_t index);
};

// Counts, as a value.
struct RequestCounts {
  struct Runs {
    int64_t count = 0;
    int64_t nanoseconds = 0;
  };

  CountsByCode by_code{};  // of all requests that ended, also of those that the model was not called for
  int64_t in_flight = 0;   // requests that came and did not end yet

  // Of requests that were answered: what fails at once must not look fast.
  TimeCounts total;                // from the request's message to the answer's
  TimeCounts queue;                // validated, until the run began
  TimeCounts run;                  // of the run that it was part of, alone or in a batch
  int64_t input_nanoseconds = 0;   // until it was validated
  int64_t output_nanoseconds = 0;  // after the run
  int64_t rows = 0;
  // Of the others.
  int64_t failed_nanoseconds = 0;

  std::array<Runs, RunSizes::kSizes> runs{};  // that answered, by RunSizes
  int64_t run_rows = 0;                       // of them all, without padding
  absl::Time last = absl::InfinitePast();     // when a request was last answered

  int64_t answered() const { return by_code[0]; }
  int64_t failed() const;
};

// One request that ended.
struct EndedRequest {
  absl::StatusCode code = absl::StatusCode::kOk;
  int64_t total_nanoseconds = 0;
  int64_t input_nanoseconds = 0;
  int64_t queue_nanoseconds = 0;
  int64_t run_nanoseconds = 0;
  int64_t rows = 1;
  // Of the run, where this request is the one by which it is counted; else 0.
  int64_t run_rows = 0;
};

// Thread-safe, without a lock; a stripe takes 2 KiB.
class RequestMetrics {
 public:
  // None of them throws: where there is no memory to count in, it is not counted.
  void Begin();
  // REQUIRES: Begin was called for it.
  void End(const EndedRequest& request);
  RequestCounts Snapshot() const;

 private:
  struct Runs {
    std::atomic<int64_t> count{0};
    std::atomic<int64_t> nanoseconds{0};
  };
  struct alignas(64) Stripe {
    std::atomic<int64_t> begun{0};
    std::array<std::atomic<int64_t>, kStatusCodes> by_code{};
    TimeHistogram total;
    TimeHistogram queue;
    TimeHistogram run;
    std::atomic<int64_t> input_nanoseconds{0};
    std::atomic<int64_t> output_nanoseconds{0};
    std::atomic<int64_t> rows{0};
    std::atomic<int64_t> failed_nanoseconds{0};
    std::array<Runs, RunSizes::kSizes> runs{};
    std::atomic<int64_t> run_rows{0};
    std::atomic<int64_t> last_steady_nanoseconds{0};  // 0: never
  };

  Striped<Stripe> stripes_;
};

// Requests to a model that were refused before a version was found for them, by code. Thread-safe; written
// where requests fail only.
class RefusedRequests {
 public:
  void Count(absl::StatusCode code) { by_code_[IndexOfCode(code)].fetch_add(1, std::memory_order_relaxed); }
  CountsByCode Snapshot() const;

 private:
  std::array<std::atomic<int64_t>, kStatusCodes> by_code_{};
};

}  // namespace modeld
