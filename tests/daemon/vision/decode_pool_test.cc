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
    for (int i = 0; i < 100; ++i) EXPECT_OK(pool.Post(1, [&] { ++ran; }));
  }
  EXPECT_EQ(ran, 100);
}

TEST(DecodePoolTest, WhatIsTooMuchIsRefused) {
  DecodePool pool({.threads = 1, .max_waiting = 2, .max_waiting_bytes = 100});
  Notification begun, may_end;
  EXPECT_OK(pool.Post(1000, [&] {
    begun.Notify();
    may_end.Wait();
  }));
  begun.Wait();
  EXPECT_OK(pool.Post(60, [] {}));
  const auto is_full =
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("wait to be decoded; try again later"));
  EXPECT_THAT(pool.Post(60, [] {}), is_full);
  EXPECT_OK(pool.Post(40, [] {}));
  EXPECT_THAT(pool.Post(0, [] {}), is_full);
  may_end.Notify();
  pool.Stop();
  EXPECT_THAT(pool.Post(1, [] {}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
}

}  // namespace
}  // namespace modeld
