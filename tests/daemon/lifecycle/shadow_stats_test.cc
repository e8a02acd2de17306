#include "daemon/lifecycle/shadow_stats.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

ShadowStats::Comparison Compared(bool agreed, const std::string& difference, double max_absolute) {
  return {.agreed = agreed,
          .difference = difference,
          .max_absolute = max_absolute,
          .live_nanoseconds = 1'000'000,
          .shadow_nanoseconds = 3'000'000};
}

TEST(ShadowStatsTest, CountsWhatCameOfTheCopies) {
  ShadowStats stats;
  stats.RecordComparison(Compared(true, "", 1e-6));
  stats.RecordComparison(Compared(false, "output[0]: 0.5, live has 0.75", 0.25));
  stats.RecordComparison(Compared(true, "", 0));
  stats.RecordSkipped();
  const ShadowStatsView view = stats.View();
  EXPECT_EQ(view.compared, 3);
  EXPECT_EQ(view.agreed, 2);
  EXPECT_EQ(view.failed, 0);
  EXPECT_EQ(view.skipped, 1);
  EXPECT_EQ(view.max_absolute, 0.25);
  EXPECT_EQ(view.last_difference, "output[0]: 0.5, live has 0.75");
  EXPECT_NEAR(view.live_seconds, 1e-3, 0.032e-3);
  EXPECT_NEAR(view.shadow_seconds, 3e-3, 0.096e-3);
}

TEST(ShadowStatsTest, FailuresAreNotComparisons) {
  ShadowStats stats;
  stats.RecordFailure("it raised");
  const ShadowStatsView view = stats.View();
  EXPECT_EQ(view.compared, 0);
  EXPECT_EQ(view.failed, 1);
  EXPECT_EQ(view.last_difference, "it raised");
  EXPECT_EQ(view.shadow_seconds, 0);
}

}  // namespace
}  // namespace modeld
