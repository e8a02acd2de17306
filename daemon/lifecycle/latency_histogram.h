// LatencyHistogram: how long calls took, counted in buckets that grow with the time, so that a quantile is
// known to within 3.2 % from a nanosecond to half an hour. The layout is that of HdrHistogram
// (http://hdrhistogram.org): each power of two is cut into 16 equal parts.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace modeld {

// Counts by bucket, as a value. The difference of two counts of one histogram, the later minus the earlier,
// is what came between.
class LatencyCounts {
 public:
  static constexpr int kPartBits = 4;  // 16 parts to a power of two
  static constexpr int kMaxBits = 41;  // 2^41 ns are 37 minutes; what is longer counts as that
  static constexpr size_t kBuckets = static_cast<size_t>(kMaxBits - kPartBits + 1) << kPartBits;

  // Of a time in nanoseconds; negative ones count as 0.
  static size_t BucketOf(int64_t nanoseconds);
  // The middle of a bucket, in seconds.
  static double SecondsOf(size_t bucket);

  int64_t total() const;
  // By nearest rank, in seconds; `q` in [0, 1]. 0 where nothing was counted.
  double Quantile(double q) const;
  double Median() const { return Quantile(0.5); }

  LatencyCounts& operator+=(const LatencyCounts& other);
  LatencyCounts& operator-=(const LatencyCounts& other);

  std::array<int64_t, kBuckets> counts{};
};

// Thread-safe, without a lock. Threads that record often should not share one: see VersionStats.
class LatencyHistogram {
 public:
  void Record(int64_t nanoseconds) {
    counts_[LatencyCounts::BucketOf(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
  }
  // What was recorded before the call is in it; what is recorded meanwhile may be.
  LatencyCounts Snapshot() const;

 private:
  std::array<std::atomic<int64_t>, LatencyCounts::kBuckets> counts_{};
};

}  // namespace modeld
