#include "registry/base/line_limiter.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

using testing::Optional;

TEST(LineLimiterTest, LetsABurstThroughAndThenAFewASecond) {
  LineLimiter limiter(/*lines_per_second=*/2, /*burst=*/3);
  absl::Duration now = absl::Hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(limiter.Take(now), Optional(0)) << i;
  for (int i = 0; i < 7; ++i) EXPECT_EQ(limiter.Take(now), std::nullopt) << i;
  now += absl::Milliseconds(500);
  EXPECT_THAT(limiter.Take(now), Optional(7)) << "the next line says how many were left out";
  EXPECT_EQ(limiter.Take(now), std::nullopt);
  now += absl::Milliseconds(500);
  EXPECT_THAT(limiter.Take(now), Optional(1));
}

TEST(LineLimiterTest, AQuietTimeAllowsOneBurstNotMore) {
  LineLimiter limiter(/*lines_per_second=*/10, /*burst=*/2);
  absl::Duration now = absl::Hours(24);
  EXPECT_THAT(limiter.Take(now), Optional(0));
  now += absl::Hours(24);
  EXPECT_THAT(limiter.Take(now), Optional(0));
  EXPECT_THAT(limiter.Take(now), Optional(0));
  EXPECT_EQ(limiter.Take(now), std::nullopt);
}

}  // namespace
}  // namespace modeld
