#include "daemon/scheduling/run_times.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

constexpr absl::Duration kUsual = absl::Milliseconds(30);

TEST(RunTimesTest, NothingIsKnownAtFirst) {
  const RunTimes times;
  EXPECT_EQ(times.typical(), absl::ZeroDuration());
  EXPECT_EQ(times.likely_most(), absl::ZeroDuration());
  EXPECT_EQ(times.of_call(), absl::ZeroDuration());
  EXPECT_EQ(times.slowest_light(), absl::ZeroDuration());
}

TEST(RunTimesTest, TheFirstRunIsAllThatIsKnown) {
  RunTimes times;
  times.Note(kUsual, 3, /*light=*/true);
  EXPECT_EQ(times.typical(), kUsual);
  EXPECT_EQ(times.likely_most(), kUsual);
  EXPECT_EQ(times.of_call(), kUsual / 3);
  EXPECT_EQ(times.slowest_light(), kUsual);
}

TEST(RunTimesTest, FollowsAModelThatBecomesSlower) {
  RunTimes times;
  times.Note(kUsual, 1, true);
  for (int i = 0; i < 100; ++i) times.Note(3 * kUsual, 1, true);
  EXPECT_GT(times.typical(), 2.9 * kUsual);
  EXPECT_LT(times.likely_most(), 3.3 * kUsual);
}

TEST(RunTimesTest, AModelThatBecomesFasterIsNotThoughtSlower) {
  RunTimes times;
  times.Note(absl::Seconds(1), 1, true);
  for (int i = 0; i < 60; ++i) {
    times.Note(kUsual, 1, true);
    EXPECT_LE(times.likely_most(), absl::Seconds(2));
    EXPECT_LE(times.likely_most(), 2 * times.typical());
  }
  EXPECT_LT(times.likely_most(), 2 * kUsual);
}

TEST(RunTimesTest, OneThatIsUnlikeTheOthersCountsForLittle) {
  RunTimes times;
  for (int i = 0; i < 20; ++i) times.Note(kUsual, 1, true);
  times.Note(absl::Hours(1), 1, true);
  EXPECT_LT(times.typical(), 1.5 * kUsual);
  EXPECT_EQ(times.slowest_light(), 4 * kUsual);
}

TEST(RunTimesTest, WhereRunsDifferMostOfThemTakeNoLongerThanIsLikely) {
  RunTimes times;
  int longer = 0;
  for (int i = 0; i < 400; ++i) {
    // 20 to 40 ms, in an order without meaning.
    const absl::Duration run = absl::Milliseconds(20 + (i * 7919) % 21);
    if (i >= 100 && run > times.likely_most()) ++longer;
    times.Note(run, 1, true);
  }
  EXPECT_LT(longer, 15) << "of 300";
  EXPECT_LT(times.likely_most(), absl::Milliseconds(50));
}

TEST(RunTimesTest, ThePeakOfLightRunsFallsSlowlyAndHeavyOnesAreNotInIt) {
  RunTimes times;
  times.Note(absl::Microseconds(10), 1, true);
  times.Note(absl::Microseconds(40), 1, true);
  times.Note(absl::Seconds(1), 1, /*light=*/false);
  EXPECT_EQ(times.slowest_light(), absl::Microseconds(40));
  times.Note(absl::Microseconds(10), 1, true);
  EXPECT_LT(times.slowest_light(), absl::Microseconds(40));
  EXPECT_GT(times.slowest_light(), absl::Microseconds(35));
}

}  // namespace
}  // namespace modeld
