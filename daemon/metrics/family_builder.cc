#include "daemon/metrics/family_builder.h"

#include <array>
#include <limits>

namespace modeld {
namespace {

// Of a second. By division, which rounds to the nearest number: 2'500'000 of them are 0.0025.
constexpr double kNanoseconds = 1e9;
constexpr std::array<int64_t, 8> kRunBounds = {1, 2, 4, 8, 16, 32, 64, 128};

double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / kNanoseconds; }

}  // namespace

void FamilyBuilder::Add(Labels labels, const TimeCounts& times) {
  prometheus::ClientMetric::Histogram& histogram = NewMetric(std::move(labels)).histogram;
  histogram.bucket.reserve(TimeCounts::kBuckets);
  uint64_t cumulative = 0;
  for (size_t i = 0; i < TimeCounts::kBuckets; ++i) {
    cumulative += static_cast<uint64_t>(times.counts[i]);
    const bool last = i == TimeCounts::kBounds.size();
    histogram.bucket.push_back(
        {.cumulative_count = cumulative,
         .upper_bound = last ? std::numeric_limits<double>::infinity() : Seconds(TimeCounts::kBounds[i])});
  }
  // By the buckets, not by a counter of its own: the two must agree, whatever is counted meanwhile.
  histogram.sample_count = cumulative;
  histogram.sample_sum = Seconds(times.nanoseconds);
}

void FamilyBuilder::AddRuns(Labels labels, const RequestCounts& requests) {
  prometheus::ClientMetric::Histogram& histogram = NewMetric(std::move(labels)).histogram;
  histogram.bucket.reserve(kRunBounds.size() + 1);
  uint64_t cumulative = 0;
  size_t size = 0;
  for (const int64_t bound : kRunBounds) {
    for (; size < RunSizes::kSizes && RunSizes::RowsOf(size) <= bound; ++size) {
      cumulative += static_cast<uint64_t>(requests.runs[size].count);
    }
    histogram.bucket.push_back({.cumulative_count = cumulative, .upper_bound = static_cast<double>(bound)});
  }
  for (; size < RunSizes::kSizes; ++size) cumulative += static_cast<uint64_t>(requests.runs[size].count);
  histogram.bucket.push_back(
      {.cumulative_count = cumulative, .upper_bound = std::numeric_limits<double>::infinity()});
  histogram.sample_count = cumulative;
  histogram.sample_sum = static_cast<double>(requests.run_rows);
}

}  // namespace modeld
