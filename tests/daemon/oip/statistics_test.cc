#include "daemon/oip/statistics.h"

#include <gmock/gmock.h>

#include "fake_version.h"

namespace modeld {
namespace {

// `size` requests of two rows each that shared a run of 3 ms.
void AddRun(RequestMetrics& metrics, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    metrics.Begin();
    metrics.End({.code = absl::StatusCode::kOk,
                 .total_nanoseconds = 3'001'700,
                 .input_nanoseconds = 500,
                 .queue_nanoseconds = 1'000,
                 .run_nanoseconds = 3'000'000,
                 .rows = 2,
                 .run_rows = i == 0 ? 2 * size : 0});
  }
}

void AddFailure(RequestMetrics& metrics, absl::StatusCode code) {
  metrics.Begin();
  metrics.End({.code = code, .total_nanoseconds = 70});
}

TEST(StatisticsTest, OfAVersionThatGotNoRequests) {
  const inference::ModelStatistics statistics = StatisticsOf(*FakeVersion(FakeForward({})));
  EXPECT_EQ(statistics.name(), "m");
  EXPECT_EQ(statistics.version(), "1.0");
  EXPECT_EQ(statistics.last_inference(), 0u);
  EXPECT_EQ(statistics.inference_count(), 0u);
  EXPECT_EQ(statistics.inference_stats().success().count(), 0u);
  EXPECT_EQ(statistics.batch_stats_size(), 0);
  EXPECT_EQ(statistics.memory_usage_size(), 0);
}

TEST(StatisticsTest, RowsRunsAndRequestsAreCountedEachForThemselves) {
  const std::unique_ptr<ServedVersion> version = FakeVersion(FakeForward({}));
  version->resident_bytes = 1 << 20;
  AddRun(version->metrics, 3);
  AddRun(version->metrics, 1);
  const inference::ModelStatistics statistics = StatisticsOf(*version);
  EXPECT_EQ(statistics.inference_count(), 8u);
  EXPECT_EQ(statistics.execution_count(), 2u);
  EXPECT_GT(statistics.last_inference(), 1'500'000'000'000u);
  const inference::InferStatistics& inference = statistics.inference_stats();
  EXPECT_EQ(inference.success().count(), 4u);
  EXPECT_EQ(inference.success().ns(), 4 * 3'001'700u);
  EXPECT_EQ(inference.queue().count(), 4u);
  EXPECT_EQ(inference.queue().ns(), 4 * 1'000u);
  EXPECT_EQ(inference.compute_input().ns(), 4 * 500u);
  EXPECT_EQ(inference.compute_infer().ns(), 4 * 3'000'000u);
  EXPECT_EQ(inference.compute_output().ns(), 4 * 200u);
  ASSERT_EQ(statistics.batch_stats_size(), 2);
  EXPECT_EQ(statistics.batch_stats(0).batch_size(), 2u);
  EXPECT_EQ(statistics.batch_stats(0).compute_infer().count(), 1u);
  EXPECT_EQ(statistics.batch_stats(1).batch_size(), 6u);
  EXPECT_EQ(statistics.batch_stats(1).compute_infer().ns(), 3'000'000u);
  ASSERT_EQ(statistics.memory_usage_size(), 1);
  EXPECT_EQ(statistics.memory_usage(0).type(), "CPU");
  EXPECT_EQ(statistics.memory_usage(0).byte_size(), 1u << 20);
}

TEST(StatisticsTest, FailuresOfWhateverKindAreFailures) {
  const std::unique_ptr<ServedVersion> version = FakeVersion(FakeForward({}));
  AddFailure(version->metrics, absl::StatusCode::kInternal);
  AddFailure(version->metrics, absl::StatusCode::kResourceExhausted);
  const inference::ModelStatistics statistics = StatisticsOf(*version);
  EXPECT_EQ(statistics.inference_stats().fail().count(), 2u);
  EXPECT_EQ(statistics.inference_stats().fail().ns(), 140u);
  EXPECT_EQ(statistics.inference_stats().success().count(), 0u);
  EXPECT_EQ(statistics.inference_count(), 0u);
  EXPECT_EQ(statistics.last_inference(), 0u);
}

}  // namespace
}  // namespace modeld
