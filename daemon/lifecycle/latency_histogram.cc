#include "daemon/lifecycle/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace modeld {
namespace {

constexpr uint64_t kParts = uint64_t{1} << LatencyCounts::kPartBits;
constexpr int64_t kLongest = (int64_t{1} << LatencyCounts::kMaxBits) - 1;

}  // namespace

size_t LatencyCounts::BucketOf(int64_t nanoseconds) {
  const auto time = static_cast<uint64_t>(std::clamp<int64_t>(nanoseconds, 0, kLongest));
  if (time < kParts) return time;
  // A bucket is 2^shift wide; what is left of the time after the shift has its highest bit at kPartBits.
  const int shift = std::bit_width(time) - 1 - kPartBits;
  return static_cast<size_t>(shift) * kParts + (time >> shift);
}

double LatencyCounts::SecondsOf(size_t bucket) {
  constexpr double kNanosecond = 1e-9;
  if (bucket < 2 * kParts) return static_cast<double>(bucket) * kNanosecond;
  const int shift = static_cast<int>(bucket / kParts) - 1;
  const double lower = std::ldexp(static_cast<double>(bucket % kParts + kParts), shift);
  return (lower + std::ldexp(0.5, shift)) * kNanosecond;
}

int64_t LatencyCounts::total() const { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

double LatencyCounts::Quantile(double q) const {
  const int64_t all = total();
  if (all <= 0) return 0;
  const int64_t rank =
      std::clamp<int64_t>(static_cast<int64_t>(std::ceil(q * static_cast<double>(all))), 1, all);
  int64_t before = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    before += counts[bucket];
    if (before >= rank) return SecondsOf(bucket);
  }
  return SecondsOf(kBuckets - 1);
}

LatencyCounts& LatencyCounts::operator+=(const LatencyCounts& other) {
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) counts[bucket] += other.counts[bucket];
  return *this;
}

LatencyCounts& LatencyCounts::operator-=(const LatencyCounts& other) {
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) counts[bucket] -= other.counts[bucket];
  return *this;
}

LatencyCounts LatencyHistogram::Snapshot() const {
  LatencyCounts snapshot;
  for (size_t bucket = 0; bucket < LatencyCounts::kBuckets; ++bucket) {
    snapshot.counts[bucket] = counts_[bucket].load(std::memory_order_relaxed);
  }
  return snapshot;
}

}  // namespace modeld
