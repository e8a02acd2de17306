#include "daemon/scheduling/thread_priority.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

namespace modeld {
namespace {

int NiceOf(pid_t thread) { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(thread)); }

TEST(ThreadPriorityTest, OnlyTheCallingThreadAndWhatItStartsYield) {
  const int usual = NiceOf(::getpid());
  if (usual > 14) GTEST_SKIP() << "the test itself has the lowest priority";
  std::thread([&] {
    YieldToIo();
    EXPECT_EQ(NiceOf(::gettid()), usual + 5);
    std::thread([&] {
      EXPECT_EQ(NiceOf(::gettid()), usual + 5);
      YieldToIo();
      EXPECT_EQ(NiceOf(::gettid()), usual + 5) << "not twice";
    }).join();
  }).join();
  EXPECT_EQ(NiceOf(::getpid()), usual);
}

}  // namespace
}  // namespace modeld
