#include "registry/base/background.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace modeld {
namespace {

TEST(BackgroundThreadTest, ItsWorkIsHeldBackAndItsCallerIsNot) {
  BackgroundThread background;
  EXPECT_EQ(background.Run([] { return ::sched_getscheduler(0); }), SCHED_IDLE);
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
}

TEST(BackgroundThreadTest, WorkThatSomebodyWaitsForIsHeldBackNoMore) {
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NICE, &limit), 0);
  if (::geteuid() != 0 && limit.rlim_cur < 20) GTEST_SKIP() << "no thread may be raised again";
  BackgroundThread background;
  const int policy = background.Run([&] {
    EXPECT_EQ(::sched_getscheduler(0), SCHED_IDLE);
    std::thread([&] { background.Hurry(); }).join();
    return ::sched_getscheduler(0);
  });
  EXPECT_EQ(policy, SCHED_OTHER);
  EXPECT_EQ(background.Run([] { return ::sched_getscheduler(0); }), SCHED_IDLE) << "the next is, again";
  background.Hurry();
  EXPECT_EQ(background.Run([] { return ::sched_getscheduler(0); }), SCHED_OTHER)
      << "it came a moment too soon";
}

TEST(BackgroundThreadTest, ReturnsWhatTheWorkReturns) {
  BackgroundThread background;
  const std::unique_ptr<std::string> result =
      background.Run([] { return std::make_unique<std::string>("done"); });
  EXPECT_EQ(*result, "done");
}

TEST(BackgroundThreadTest, ThrowsWhatTheWorkThrowsAndGoesOn) {
  BackgroundThread background;
  EXPECT_THROW(background.Run([]() -> int { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_EQ(background.Run([] { return 7; }), 7);
}

TEST(BackgroundThreadTest, RunsOnePieceAtATimeOnOneThread) {
  BackgroundThread background;
  std::atomic<int> running = 0;
  const std::thread::id there = background.Run([] { return std::this_thread::get_id(); });
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const bool alone = background.Run([&] {
          const bool first = ++running == 1;
          EXPECT_EQ(std::this_thread::get_id(), there);
          --running;
          return first;
        });
        EXPECT_TRUE(alone);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace modeld
