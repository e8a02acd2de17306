#include "daemon/lifecycle/latency_histogram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace modeld {
namespace {

LatencyCounts Of(const std::vector<int64_t>& times) {
  LatencyHistogram histogram;
  for (const int64_t time : times) histogram.Record(time);
  return histogram.Snapshot();
}

TEST(LatencyHistogramTest, BucketsGrowWithTheTimeAndMissNone) {
  size_t last = 0;
  for (int64_t time = 0; time < 100'000; ++time) {
    const size_t bucket = LatencyCounts::BucketOf(time);
    ASSERT_GE(bucket, last);
    ASSERT_LE(bucket, last + 1) << time;
    last = bucket;
  }
}

TEST(LatencyHistogramTest, EveryTimeIsKnownToWithin3Point2Percent) {
  for (double time = 1; time < 2e12; time *= 1.0037) {
    const auto nanoseconds = static_cast<int64_t>(time);
    const double seconds = LatencyCounts::SecondsOf(LatencyCounts::BucketOf(nanoseconds));
    const double exact = static_cast<double>(nanoseconds) * 1e-9;
    ASSERT_NEAR(seconds, exact, 0.032 * exact) << nanoseconds;
  }
}

TEST(LatencyHistogramTest, TimesOutOfRangeCountInTheLastAndFirstBucket) {
  EXPECT_EQ(LatencyCounts::BucketOf(-5), 0u);
  EXPECT_EQ(LatencyCounts::BucketOf(INT64_MAX), LatencyCounts::kBuckets - 1);
  EXPECT_EQ(Of({-1, INT64_MAX, INT64_MIN}).total(), 3);
}

TEST(LatencyHistogramTest, QuantilesOfNothingAndOfOneTime) {
  EXPECT_EQ(LatencyCounts{}.Quantile(0.5), 0);
  const LatencyCounts one = Of({1'000'000});
  for (const double q : {0.0, 0.5, 1.0}) EXPECT_NEAR(one.Quantile(q), 1e-3, 0.032e-3);
}

TEST(LatencyHistogramTest, QuantilesAreThoseOfTheSortedTimes) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> milliseconds(0, 1.5);
  std::vector<int64_t> times(10'000);
  for (int64_t& time : times) time = static_cast<int64_t>(milliseconds(random) * 1e6);
  const LatencyCounts counts = Of(times);
  std::sort(times.begin(), times.end());
  for (const double q : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(times.size())));
    const double exact = static_cast<double>(times[rank - 1]) * 1e-9;
    EXPECT_NEAR(counts.Quantile(q), exact, 0.032 * exact) << q;
  }
}

TEST(LatencyHistogramTest, TheDifferenceOfTwoIsWhatCameBetween) {
  LatencyHistogram histogram;
  for (int i = 0; i < 100; ++i) histogram.Record(1'000'000);
  const LatencyCounts before = histogram.Snapshot();
  for (int i = 0; i < 10; ++i) histogram.Record(9'000'000);
  LatencyCounts window = histogram.Snapshot();
  EXPECT_NEAR(window.Median(), 1e-3, 0.032e-3);
  window -= before;
  EXPECT_EQ(window.total(), 10);
  EXPECT_NEAR(window.Median(), 9e-3, 0.032 * 9e-3);
  window += before;
  EXPECT_EQ(window.total(), 110);
}

}  // namespace
}  // namespace modeld
