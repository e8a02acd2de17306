#include "daemon/lifecycle/load_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modeld {
namespace {

using ::testing::Eq;
using ::testing::Optional;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

LoadJob Job(const std::string& model, const std::string& version) {
  return {.model = model, .version = version};
}

TEST(LoadQueueTest, EmptyHasNothingDue) {
  LoadQueue queue;
  EXPECT_EQ(queue.Pop(kNow), std::nullopt);
  EXPECT_EQ(queue.NextDue(), absl::InfiniteFuture());
}

TEST(LoadQueueTest, PopsByPriorityThenAge) {
  LoadQueue queue;
  queue.Set("a", {{.version = "1", .priority = 1}, {.version = "2", .priority = 2}});
  queue.Set("b", {{.version = "1", .priority = 1}});
  queue.Set("c", {{.version = "9", .priority = 0}});
  EXPECT_LE(queue.NextDue(), kNow);
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("c", "9"))));
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("a", "1"))));
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("b", "1"))));
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("a", "2"))));
  EXPECT_EQ(queue.Pop(kNow), std::nullopt);
}

TEST(LoadQueueTest, SetReplacesWhatWasWished) {
  LoadQueue queue;
  queue.Set("a", {{.version = "1"}, {.version = "2"}});
  queue.Set("a", {{.version = "3"}});
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("a", "3"))));
  EXPECT_EQ(queue.Pop(kNow), std::nullopt);
  queue.Set("a", {{.version = "4"}});
  queue.Set("a", {});
  EXPECT_EQ(queue.Pop(kNow), std::nullopt);
}

TEST(LoadQueueTest, AWishThatStaysKeepsItsPlace) {
  LoadQueue queue;
  queue.Set("a", {{.version = "1", .priority = 1}});
  queue.Set("b", {{.version = "1", .priority = 1}});
  queue.Set("a", {{.version = "1", .priority = 1}, {.version = "2", .priority = 1}});
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("a", "1"))));
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("b", "1"))));
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("a", "2"))));
}

TEST(LoadQueueTest, AWishInTheFutureIsPassedOver) {
  LoadQueue queue;
  const absl::Time later = kNow + absl::Seconds(1);
  queue.Set("a", {{.version = "1", .priority = 0, .not_before = later}, {.version = "2", .priority = 5}});
  EXPECT_THAT(queue.Pop(kNow), Optional(Eq(Job("a", "2"))));
  EXPECT_EQ(queue.Pop(kNow), std::nullopt);
  EXPECT_EQ(queue.NextDue(), later);
  EXPECT_THAT(queue.Pop(later), Optional(Eq(Job("a", "1"))));
}

TEST(LoadQueueTest, ClockThatWasSetBackDoesNotPutALoadOffForAsLong) {
  LoadQueue queue;
  queue.Set("a", {{.version = "1", .not_before = kNow + kLongestPutOff}});
  EXPECT_EQ(queue.Pop(kNow), std::nullopt);
  EXPECT_THAT(queue.Pop(kNow - absl::Hours(24)), Optional(Eq(Job("a", "1"))));
}

}  // namespace
}  // namespace modeld
