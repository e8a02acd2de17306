// TimeHistogram: times counted between fixed bounds, with their sum: what a Prometheus histogram is made of.
// LatencyHistogram is finer, and ten times as large.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace modeld {

// Counts by bucket, as a value.
struct TimeCounts {
  // Upper bounds, inclusive, in nanoseconds; what is longer than the last counts in a bucket of its own. From
  // a tenth of a millisecond, about what a request of a light model takes, to ten seconds.
  static constexpr std::array<int64_t, 15> kBounds = {
      100'000,     250'000,     500'000,       1'000'000,     2'500'000,
      5'000'000,   10'000'000,  25'000'000,    50'000'000,    100'000'000,
      250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 10'000'000'000};
  static constexpr size_t kBuckets = kBounds.size() + 1;

  static size_t BucketOf(int64_t nanoseconds) {
    return static_cast<size_t>(std::lower_bound(kBounds.begin(), kBounds.end(), nanoseconds) -
                               kBounds.begin());
  }
  // Negative times count as 0.
  void Add(int64_t time) {
    ++counts[BucketOf(time)];
    nanoseconds += std::max<int64_t>(0, time);
  }
  int64_t total() const {
    int64_t total = 0;
    for (const int64_t count : counts) total += count;
    return total;
  }

  std::array<int64_t, kBuckets> counts{};
  int64_t nanoseconds = 0;  // of all together
};

// Thread-safe, without a lock. Threads that record often should not share one: see Striped.
class TimeHistogram {
 public:
  // Negative times count as 0.
  void Record(int64_t nanoseconds) {
    counts_[TimeCounts::BucketOf(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
    nanoseconds_.fetch_add(std::max<int64_t>(0, nanoseconds), std::memory_order_relaxed);
  }
  void AddTo(TimeCounts& counts) const {
    for (size_t i = 0; i < TimeCounts::kBuckets; ++i) {
      counts.counts[i] += counts_[i].load(std::memory_order_relaxed);
    }
    counts.nanoseconds += nanoseconds_.load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<int64_t>, TimeCounts::kBuckets> counts_{};
  std::atomic<int64_t> nanoseconds_{0};
};

}  // namespace modeld
