#include "registry/base/background.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <memory>
#include <new>
#include <string>

namespace modeld {
namespace {

TEST(BackgroundTest, TheWorkIsHeldBackAndItsCallerIsNot) {
  EXPECT_EQ(RunInBackground([] { return ::sched_getscheduler(0); }), SCHED_IDLE);
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
}

TEST(BackgroundTest, ReturnsWhatTheWorkReturns) {
  const std::unique_ptr<std::string> result =
      RunInBackground([] { return std::make_unique<std::string>("done"); });
  EXPECT_EQ(*result, "done");
}

TEST(BackgroundTest, ThrowsWhatTheWorkThrows) {
  EXPECT_THROW(RunInBackground([]() -> int { throw std::bad_alloc(); }), std::bad_alloc);
}

}  // namespace
}  // namespace modeld
