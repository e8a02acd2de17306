#include "daemon/lifecycle/notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/notification.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;

TEST(NotifierTest, CallsInOrderAndAllBeforeItGoes) {
  std::vector<int> calls;
  {
    Notifier notifier;
    for (int i = 0; i < 5; ++i) notifier.Post([&calls, i] { calls.push_back(i); });
  }
  EXPECT_THAT(calls, ElementsAre(0, 1, 2, 3, 4));
}

TEST(NotifierTest, PostDoesNotWaitForACallThatBlocks) {
  Notification open;
  Notification second_called;
  Notifier notifier;
  notifier.Post([&] { open.Wait(); });
  notifier.Post([&] { second_called.Notify(); });
  EXPECT_FALSE(second_called.notified());
  open.Notify();
  second_called.Wait();
}

TEST(NotifierTest, ACallMayPost) {
  Notification called;
  Notifier notifier;
  notifier.Post([&] { notifier.Post([&] { called.Notify(); }); });
  called.Wait();
}

}  // namespace
}  // namespace modeld
