#include "registry/base/serial_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/notification.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;

TEST(SerialThreadTest, CallsInOrderAndAllBeforeItGoes) {
  std::vector<int> calls;
  {
    SerialThread serial_thread;
    for (int i = 0; i < 5; ++i) serial_thread.Post([&calls, i] { calls.push_back(i); });
  }
  EXPECT_THAT(calls, ElementsAre(0, 1, 2, 3, 4));
}

TEST(SerialThreadTest, PostDoesNotWaitForACallThatBlocks) {
  Notification open;
  Notification second_called;
  SerialThread serial_thread;
  serial_thread.Post([&] { open.Wait(); });
  serial_thread.Post([&] { second_called.Notify(); });
  EXPECT_FALSE(second_called.notified());
  open.Notify();
  second_called.Wait();
}

TEST(SerialThreadTest, ACallMayPost) {
  Notification called;
  SerialThread serial_thread;
  serial_thread.Post([&] { serial_thread.Post([&] { called.Notify(); }); });
  called.Wait();
}

}  // namespace
}  // namespace modeld
