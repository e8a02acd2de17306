#include "daemon/lifecycle/request_metrics.h"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "absl/time/clock.h"

namespace modeld {
namespace {

using testing::Each;

EndedRequest Answered(int64_t input, int64_t queue, int64_t run, int64_t output, int64_t rows = 1,
                      int64_t run_rows = 1) {
  return {.code = absl::StatusCode::kOk,
          .total_nanoseconds = input + queue + run + output,
          .input_nanoseconds = input,
          .queue_nanoseconds = queue,
          .run_nanoseconds = run,
          .rows = rows,
          .run_rows = run_rows};
}

TEST(TimeCountsTest, BoundsAreInclusive) {
  EXPECT_EQ(TimeCounts::BucketOf(-1), 0u);
  EXPECT_EQ(TimeCounts::BucketOf(0), 0u);
  for (size_t i = 0; i < TimeCounts::kBounds.size(); ++i) {
    EXPECT_EQ(TimeCounts::BucketOf(TimeCounts::kBounds[i]), i);
    EXPECT_EQ(TimeCounts::BucketOf(TimeCounts::kBounds[i] + 1), i + 1);
  }
}

TEST(RunSizesTest, AreExactUpTo64AndThenPowersOfTwo) {
  for (int64_t rows = 1; rows <= 64; ++rows) EXPECT_EQ(RunSizes::RowsOf(RunSizes::IndexOf(rows)), rows);
  EXPECT_EQ(RunSizes::RowsOf(RunSizes::IndexOf(65)), 128);
  EXPECT_EQ(RunSizes::RowsOf(RunSizes::IndexOf(128)), 128);
  EXPECT_EQ(RunSizes::RowsOf(RunSizes::IndexOf(129)), 256);
  EXPECT_EQ(RunSizes::IndexOf(INT64_MAX), RunSizes::kSizes - 1);
  EXPECT_EQ(RunSizes::IndexOf(0), 0u);
}

TEST(RequestMetricsTest, BeginsWithNothing) {
  const RequestCounts counts = RequestMetrics().Snapshot();
  EXPECT_THAT(counts.by_code, Each(0));
  EXPECT_EQ(counts.in_flight, 0);
  EXPECT_EQ(counts.last, absl::InfinitePast());
}

TEST(RequestMetricsTest, ARequestsTimesAddUp) {
  RequestMetrics metrics;
  metrics.Begin();
  EXPECT_EQ(metrics.Snapshot().in_flight, 1);
  metrics.End(Answered(1'000, 20'000, 3'000'000, 400));
  const RequestCounts counts = metrics.Snapshot();
  EXPECT_EQ(counts.in_flight, 0);
  EXPECT_EQ(counts.answered(), 1);
  EXPECT_EQ(counts.failed(), 0);
  EXPECT_EQ(counts.total.nanoseconds, 3'021'400);
  EXPECT_EQ(counts.input_nanoseconds + counts.queue.nanoseconds + counts.run.nanoseconds +
                counts.output_nanoseconds,
            counts.total.nanoseconds);
  EXPECT_EQ(counts.output_nanoseconds, 400);
  EXPECT_EQ(counts.run.counts[TimeCounts::BucketOf(3'000'000)], 1);
  EXPECT_LT(absl::Now() - counts.last, absl::Minutes(1));
}

// What fails at once must not look fast.
TEST(RequestMetricsTest, TimesAreThoseOfAnswersOnly) {
  RequestMetrics metrics;
  for (const absl::StatusCode code : {absl::StatusCode::kInternal, absl::StatusCode::kResourceExhausted}) {
    metrics.Begin();
    metrics.End({.code = code, .total_nanoseconds = 7});
  }
  const RequestCounts counts = metrics.Snapshot();
  EXPECT_EQ(counts.failed(), 2);
  EXPECT_EQ(counts.failed_nanoseconds, 14);
  EXPECT_EQ(counts.by_code[IndexOfCode(absl::StatusCode::kInternal)], 1);
  EXPECT_EQ(counts.by_code[IndexOfCode(absl::StatusCode::kResourceExhausted)], 1);
  EXPECT_EQ(counts.total.total(), 0);
  EXPECT_EQ(counts.rows, 0);
  EXPECT_EQ(counts.last, absl::InfinitePast());
}

TEST(RequestMetricsTest, ARunOfSeveralRequestsIsCountedOnce) {
  RequestMetrics metrics;
  for (int64_t i = 0; i < 3; ++i) {
    metrics.Begin();
    metrics.End(Answered(0, 0, 1'000, 0, /*rows=*/2, /*run_rows=*/i == 0 ? 6 : 0));
  }
  const RequestCounts counts = metrics.Snapshot();
  EXPECT_EQ(counts.rows, 6);
  EXPECT_EQ(counts.run_rows, 6);
  EXPECT_EQ(counts.runs[RunSizes::IndexOf(6)].count, 1);
  EXPECT_EQ(counts.runs[RunSizes::IndexOf(6)].nanoseconds, 1'000);
  EXPECT_EQ(counts.run.nanoseconds, 3'000) << "each of them waited for the whole run";
}

TEST(RequestMetricsTest, CodesThatAreNoneOfThoseKnownCountAsUnknown) {
  RequestMetrics metrics;
  metrics.Begin();
  metrics.End({.code = static_cast<absl::StatusCode>(99)});
  EXPECT_EQ(metrics.Snapshot().by_code[IndexOfCode(absl::StatusCode::kUnknown)], 1);
}

TEST(RequestMetricsTest, NothingIsLostBetweenThreads) {
  constexpr int kThreads = 12, kRequests = 2'000;
  RequestMetrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int request = 0; request < kRequests; ++request) {
        metrics.Begin();
        metrics.End(Answered(1, 2, 3, 4));
        const RequestCounts seen = metrics.Snapshot();
        if (seen.total.total() < seen.answered()) ADD_FAILURE() << "counted without its time";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const RequestCounts counts = metrics.Snapshot();
  EXPECT_EQ(counts.answered(), kThreads * kRequests);
  EXPECT_EQ(counts.total.nanoseconds, 10 * kThreads * kRequests);
  EXPECT_EQ(counts.in_flight, 0);
}

}  // namespace
}  // namespace modeld
