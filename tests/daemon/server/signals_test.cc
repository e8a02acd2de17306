#include "daemon/server/signals.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

class SignalsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &before_), 0);
    ASSERT_OK_AND_ASSIGN(signals_, Signals::Block());
  }
  ~SignalsTest() override { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  sigset_t before_;
  std::unique_ptr<Signals> signals_;
};

TEST_F(SignalsTest, EachSignalIsWaitedForNotDiedOf) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    ASSERT_EQ(::raise(signal), 0);
    EXPECT_EQ(signals_->Wait(absl::InfiniteDuration()), signal);
  }
}

TEST_F(SignalsTest, SecondSignalIsNotLostWhileTheFirstIsObeyed) {
  ::raise(SIGHUP);
  ::raise(SIGTERM);
  const int first = signals_->Wait(absl::InfiniteDuration());
  const int second = signals_->Wait(absl::InfiniteDuration());
  EXPECT_EQ(std::min(first, second), SIGHUP);
  EXPECT_EQ(std::max(first, second), SIGTERM);
}

TEST_F(SignalsTest, TimeoutEndsAWait) { EXPECT_EQ(signals_->Wait(absl::Milliseconds(1)), 0); }

TEST_F(SignalsTest, WakeEndsAWaitNowOrTheNextOne) {
  signals_->Wake();
  EXPECT_EQ(signals_->Wait(absl::InfiniteDuration()), 0);
  std::thread waker([this] { signals_->Wake(); });
  EXPECT_EQ(signals_->Wait(absl::InfiniteDuration()), 0);
  waker.join();
}

TEST_F(SignalsTest, WriteToAClosedPipeIsAnErrorNotADeath) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

}  // namespace
}  // namespace modeld
