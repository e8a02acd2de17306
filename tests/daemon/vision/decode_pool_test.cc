#include "daemon/vision/decode_pool.h"

#include <atomic>

#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

TEST(DecodePoolTest, RunsEverythingBeforeItStops) {
  std::atomic<int> ran = 0;
  {
    DecodePool pool({.threads = 2});
    for (int i = 0; i < 100; ++i) EXPECT_OK(pool.Post(1, absl::InfiniteFuture(), [&] { ++ran; }));
  }
  EXPECT_EQ(ran, 100);
}

TEST(DecodePoolTest, WhatIsTooMuchIsRefused) {
  Notification begun, may_end;
  DecodePool pool({.threads = 1, .max_waiting = 2, .max_waiting_bytes = 100});
  EXPECT_OK(pool.Post(1000, absl::InfiniteFuture(), [&] {
    begun.Notify();
    may_end.Wait();
  }));
  begun.Wait();
  EXPECT_OK(pool.Post(60, absl::InfiniteFuture(), [] {}));
  const auto is_full =
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("wait to be decoded; try again later"));
  EXPECT_THAT(pool.Post(60, absl::InfiniteFuture(), [] {}), is_full);
  EXPECT_OK(pool.Post(40, absl::InfiniteFuture(), [] {}));
  EXPECT_THAT(pool.Post(0, absl::InfiniteFuture(), [] {}), is_full);
  may_end.Notify();
  pool.Stop();
  EXPECT_THAT(pool.Post(1, absl::InfiniteFuture(), [] {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
}

// An image that takes long to decode held up the answers of those whose deadline passed meanwhile.
TEST(DecodePoolTest, WhatIsTooLateDoesNotWaitForADecoder) {
  ManualClock clock;
  Notification begun, may_end, late, later;
  DecodePool pool({.threads = 1, .clock = &clock});
  EXPECT_OK(pool.Post(1, absl::InfiniteFuture(), [&] {
    begun.Notify();
    may_end.Wait();
  }));
  begun.Wait();
  std::atomic<bool> in_time_ran = false;
  EXPECT_OK(pool.Post(1, absl::InfiniteFuture(), [&] { in_time_ran = true; }));
  EXPECT_OK(pool.Post(1, clock.Now() + absl::Hours(1), [&] { later.Notify(); }));
  EXPECT_OK(pool.Post(1, clock.Now(), [&] { late.Notify(); }));
  late.Wait();
  EXPECT_FALSE(later.notified());
  clock.Advance(absl::Hours(1));
  EXPECT_OK(pool.Post(1, clock.Now() - absl::Seconds(1), [] {}));  // has it look at the clock
  later.Wait();
  EXPECT_FALSE(in_time_ran);
  may_end.Notify();
  pool.Stop();
  EXPECT_TRUE(in_time_ran);
}

TEST(DecodePoolTest, WhatIsTooLateMakesRoomForOthers) {
  ManualClock clock;
  Notification begun, may_end, late;
  DecodePool pool({.threads = 1, .max_waiting = 1, .clock = &clock});
  EXPECT_OK(pool.Post(1, absl::InfiniteFuture(), [&] {
    begun.Notify();
    may_end.Wait();
  }));
  begun.Wait();
  EXPECT_OK(pool.Post(1, clock.Now(), [&] { late.Notify(); }));
  late.Wait();
  EXPECT_OK(pool.Post(1, absl::InfiniteFuture(), [] {}));
  may_end.Notify();
}

}  // namespace
}  // namespace modeld
