#include "registry/base/stopwatch.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

TEST(StopwatchTest, RunsForwardFromTheMomentItIsMade) {
  const Stopwatch watch;
  int64_t last = watch.Nanoseconds();
  EXPECT_GE(last, 0);
  while (watch.Nanoseconds() == last) {
  }
  EXPECT_GT(watch.Nanoseconds(), last);
}

}  // namespace
}  // namespace modeld
