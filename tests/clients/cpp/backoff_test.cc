#include "clients/cpp/backoff.h"

#include <gtest/gtest.h>

#include <optional>

namespace modeld {
namespace {

constexpr BackoffPolicy kPolicy = {
    .max_attempts = 5, .initial = absl::Milliseconds(50), .maximum = absl::Milliseconds(300)};

TEST(BackoffTest, Schedule) {
  const struct {
    int attempts;
    absl::Duration time_left;
    double jitter;
    std::optional<absl::Duration> delay;
  } kCases[] = {
      {1, absl::Seconds(10), 0, absl::Milliseconds(50)},
      {2, absl::Seconds(10), 0, absl::Milliseconds(100)},
      {3, absl::Seconds(10), 0, absl::Milliseconds(200)},
      {4, absl::Seconds(10), 0, absl::Milliseconds(300)},  // not 400
      {5, absl::Seconds(10), 0, std::nullopt},             // no attempt is left
      {1, absl::Seconds(10), -1, absl::Milliseconds(40)},
      {1, absl::Seconds(10), 1, absl::Milliseconds(60)},
      {4, absl::Seconds(10), 1, absl::Milliseconds(360)},  // scattered, then, beyond the maximum
      {1, absl::Milliseconds(51), 0, absl::Milliseconds(50)},
      {1, absl::Milliseconds(50), 0, std::nullopt},  // nothing could be done after it
      {1, absl::Milliseconds(-1), 0, std::nullopt},
      {1, absl::InfiniteDuration(), 0, absl::Milliseconds(50)},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(NextDelay(kPolicy, c.attempts, c.time_left, c.jitter), c.delay)
        << c.attempts << " attempts, " << c.time_left << " left, jitter " << c.jitter;
  }
}

TEST(BackoffTest, ManyAttemptsDoNotOverflow) {
  BackoffPolicy policy = kPolicy;
  policy.max_attempts = 1'000'000;
  EXPECT_EQ(NextDelay(policy, 999'999, absl::Hours(1), 0), policy.maximum);
}

TEST(BackoffTest, OneAttemptMeansNoRetry) {
  BackoffPolicy policy = kPolicy;
  policy.max_attempts = 1;
  EXPECT_EQ(NextDelay(policy, 1, absl::Hours(1), 0), std::nullopt);
}

}  // namespace
}  // namespace modeld
