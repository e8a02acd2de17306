#include "tools/bench/load/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace modeld::load {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(HistogramTest, NothingAddedIsNoBucket) { EXPECT_THAT(Histogram().Buckets(), IsEmpty()); }

TEST(HistogramTest, ShortDurationsAreKnownExactly) {
  Histogram histogram;
  for (const uint64_t value : {0, 127, 5, 5}) histogram.Add(value);
  EXPECT_THAT(histogram.Buckets(), ElementsAre(Pair(0, 1), Pair(5, 2), Pair(127, 1)));
}

TEST(HistogramTest, EveryDurationIsKnownToWithinA64thAndNeverTakenForAShorterOne) {
  for (uint64_t value = 1; value < (uint64_t{1} << 40); value += 1 + value / 7) {
    Histogram histogram;
    histogram.Add(value);
    ASSERT_EQ(histogram.Buckets().size(), 1u);
    const uint64_t longest = histogram.Buckets()[0].first;
    EXPECT_GE(longest, value);
    EXPECT_LE(longest, value + value / 64);
  }
}

TEST(HistogramTest, BucketsComeInOrder) {
  Histogram histogram;
  for (const uint64_t value : {1'000'000, 100, 10'000}) histogram.Add(value);
  const auto buckets = histogram.Buckets();
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_LT(buckets[0].first, buckets[1].first);
  EXPECT_LT(buckets[1].first, buckets[2].first);
}

}  // namespace
}  // namespace modeld::load
