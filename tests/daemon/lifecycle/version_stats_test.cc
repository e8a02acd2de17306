#include "daemon/lifecycle/version_stats.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

namespace modeld {
namespace {

RequestOutcome Answered(int64_t nanoseconds) {
  return {.code = absl::StatusCode::kOk,
          .nanoseconds = nanoseconds,
          .looked_for_nan = false,
          .not_a_number = false,
          .huge_inputs = false};
}
RequestOutcome Failed(absl::StatusCode code) {
  return {
      .code = code, .nanoseconds = 5, .looked_for_nan = false, .not_a_number = false, .huge_inputs = false};
}
RequestOutcome LookedAt(bool nan) {
  return {.code = absl::StatusCode::kOk,
          .nanoseconds = 1'000,
          .looked_for_nan = true,
          .not_a_number = nan,
          .huge_inputs = false};
}

TEST(VersionStatsTest, BeginsWithNothing) {
  const VersionStatsView view = VersionStats().View();
  EXPECT_EQ(view.requests, 0);
  EXPECT_EQ(view.latency_p50_seconds, 0);
  EXPECT_EQ(StatsSnapshot{}.error_ratio(), 0);
  EXPECT_EQ(StatsSnapshot{}.nan_ratio(), 0);
}

TEST(VersionStatsTest, OnlyTheModelsOwnFaultsAreErrors) {
  VersionStats stats;
  stats.Record(Answered(1'000'000));
  stats.Record(Failed(absl::StatusCode::kInternal));
  stats.Record(Failed(absl::StatusCode::kUnimplemented));
  stats.Record(Failed(absl::StatusCode::kResourceExhausted));
  const StatsSnapshot snapshot = stats.Snapshot();
  EXPECT_EQ(snapshot.requests, 4);
  EXPECT_EQ(snapshot.errors, 2);
  EXPECT_EQ(snapshot.error_ratio(), 0.5);
}

// One that raises at once must not look fast.
TEST(VersionStatsTest, LatencyIsThatOfAnswersOnly) {
  VersionStats stats;
  for (int i = 0; i < 10; ++i) stats.Record(Failed(absl::StatusCode::kInternal));
  stats.Record(Answered(2'000'000));
  EXPECT_NEAR(stats.View().latency_p50_seconds, 2e-3, 0.07e-3);
  EXPECT_EQ(stats.Snapshot().latency.total(), 1);
}

TEST(VersionStatsTest, NanIsCountedOfAnswersLookedAt) {
  VersionStats stats;
  EXPECT_FALSE(stats.look_for_nan());
  stats.set_look_for_nan(true);
  EXPECT_TRUE(stats.look_for_nan());
  stats.Record(Answered(1));
  stats.Record(LookedAt(true));
  for (int i = 0; i < 3; ++i) stats.Record(LookedAt(false));
  const StatsSnapshot snapshot = stats.Snapshot();
  EXPECT_EQ(snapshot.requests, 5);
  EXPECT_EQ(snapshot.looked_for_nan, 4);
  EXPECT_EQ(snapshot.not_a_number, 1);
  EXPECT_EQ(snapshot.nan_ratio(), 0.25);
}

TEST(VersionStatsTest, TheDifferenceOfTwoSnapshotsIsAWindow) {
  VersionStats stats;
  for (int i = 0; i < 100; ++i) stats.Record(Answered(1'000'000));
  stats.Record(LookedAt(true));
  const StatsSnapshot before = stats.Snapshot();
  for (int i = 0; i < 3; ++i) stats.Record(Failed(absl::StatusCode::kInternal));
  stats.Record(Answered(8'000'000));
  const StatsWindow window = stats.Snapshot() - before;
  EXPECT_EQ(window.requests, 4);
  EXPECT_EQ(window.errors, 3);
  EXPECT_EQ(window.not_a_number, 0);
  EXPECT_EQ(window.looked_for_nan, 0);
  EXPECT_NEAR(window.latency.Median(), 8e-3, 0.032 * 8e-3);
  StatsSnapshot sum = before;
  sum += window;
  EXPECT_EQ(sum.requests, 105);
}

// More threads than stripes; a reader beside them sees counts that only grow, and never a part without its
// whole.
TEST(VersionStatsThreadsTest, NothingIsLost) {
  constexpr int kThreads = 12;
  constexpr int kRequests = 4'000;
  VersionStats stats;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    StatsSnapshot last;
    while (!done) {
      const StatsSnapshot now = stats.Snapshot();
      ASSERT_LE(now.errors, now.requests);
      ASSERT_LE(now.not_a_number, now.looked_for_nan);
      const StatsWindow window = now - last;
      ASSERT_GE(window.requests, 0);
      ASSERT_GE(window.errors, 0);
      ASSERT_GE(window.latency.total(), 0);
      last = now;
    }
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&stats] {
      for (int i = 0; i < kRequests; ++i) {
        if (i % 4 == 0) {
          stats.Record(Failed(absl::StatusCode::kInternal));
        } else {
          stats.Record(LookedAt(i % 4 == 1));
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  const StatsSnapshot all = stats.Snapshot();
  EXPECT_EQ(all.requests, kThreads * kRequests);
  EXPECT_EQ(all.errors, kThreads * kRequests / 4);
  EXPECT_EQ(all.looked_for_nan, kThreads * kRequests * 3 / 4);
  EXPECT_EQ(all.not_a_number, kThreads * kRequests / 4);
  EXPECT_EQ(all.latency.total(), kThreads * kRequests * 3 / 4);
}

}  // namespace
}  // namespace modeld
