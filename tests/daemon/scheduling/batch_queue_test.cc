#include "daemon/scheduling/batch_queue.h"

#include <deque>

#include "tests/support/status_matchers.h"
#include "tests/support/test_call.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BatchQueueTest : public ::testing::Test {
 protected:
  void Limit(BatchLimits limits) { queue_.emplace(std::move(limits)); }

  // A call named by its place; `key` 0: shares a batch with nobody. Each comes a microsecond after the other.
  bool Push(int key, int64_t rows = 1, Priority priority = Priority::kNormal) {
    TestCall& call = calls_.emplace_back();
    call.priority = priority;
    std::optional<BatchKey> batch_key;
    if (key != 0) batch_key.emplace().Add(key);
    now_ += absl::Microseconds(1);
    return queue_->Push({.call = &call, .rows = rows, .bytes = 10, .arrived = now_, .is_light = true},
                        batch_key);
  }
  std::vector<int> Take(bool linger = false) {
    const BatchQueue::Taken taken = queue_->Take(now_, linger);
    look_again_ = taken.look_again;
    std::vector<int> names;
    int64_t rows = 0;
    for (const WaitingCall& waiting : taken.calls) {
      for (size_t i = 0; i < calls_.size(); ++i) {
        if (&calls_[i] == waiting.call) names.push_back(static_cast<int>(i));
      }
      rows += waiting.rows;
    }
    EXPECT_EQ(taken.rows, rows);
    return names;
  }

  std::optional<BatchQueue> queue_;
  std::deque<TestCall> calls_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  absl::Time look_again_;
};

TEST_F(BatchQueueTest, WithoutBatchingOneByOneInOrder) {
  Limit({});
  for (int i = 0; i < 3; ++i) Push(0);
  EXPECT_EQ(queue_->size().calls, 3u);
  EXPECT_EQ(queue_->size().bytes, 30);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Take(), ElementsAre(i));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(look_again_, absl::InfiniteFuture());
  EXPECT_EQ(queue_->size().calls, 0u);
  EXPECT_EQ(queue_->size().bytes, 0);
}

TEST_F(BatchQueueTest, AsManyRowsAsFitInOrder) {
  Limit({.max_rows = 4, .max_delay = {}, .preferred_rows = {}});
  for (const int64_t rows : {2, 1, 3, 1}) Push(1, rows);
  EXPECT_THAT(Take(), ElementsAre(0, 1)) << "3 does not fit, and 1 does not overtake it";
  EXPECT_THAT(Take(), ElementsAre(2, 3));
}

TEST_F(BatchQueueTest, MoreRowsThanABatchHoldsRunAlone) {
  Limit({.max_rows = 4, .max_delay = {}, .preferred_rows = {}});
  Push(1, 9);
  Push(1, 1);
  EXPECT_THAT(Take(), ElementsAre(0));
  EXPECT_THAT(Take(), ElementsAre(1));
}

TEST_F(BatchQueueTest, OtherShapesShareNoBatchAndDoNotBlock) {
  Limit({.max_rows = 8, .max_delay = {}, .preferred_rows = {}});
  for (const int key : {1, 2, 1, 0, 2, 0}) Push(key);
  EXPECT_THAT(Take(), ElementsAre(0, 2));
  EXPECT_THAT(Take(), ElementsAre(1, 4));
  EXPECT_THAT(Take(), ElementsAre(3));
  EXPECT_THAT(Take(), ElementsAre(5));
}

TEST_F(BatchQueueTest, TheUrgentFirstAlsoWithinABatch) {
  Limit({.max_rows = 2, .max_delay = {}, .preferred_rows = {}});
  Push(1, 1, Priority::kLow);
  Push(2, 1, Priority::kNormal);
  Push(1, 1, Priority::kNormal);
  Push(1, 1, Priority::kHigh);
  EXPECT_THAT(Take(), ElementsAre(3, 2));
  EXPECT_THAT(Take(), ElementsAre(1));
  EXPECT_THAT(Take(), ElementsAre(0));
}

TEST_F(BatchQueueTest, LingeringWaitsForAFullBatchOrTheDelay) {
  Limit({.max_rows = 2, .max_delay = absl::Milliseconds(1), .preferred_rows = {}});
  EXPECT_FALSE(Push(1));
  const absl::Time due = now_ + absl::Milliseconds(1);
  EXPECT_THAT(Take(/*linger=*/true), IsEmpty());
  EXPECT_EQ(look_again_, due);
  EXPECT_TRUE(Push(1)) << "full";
  EXPECT_THAT(Take(/*linger=*/true), ElementsAre(0, 1));
  Push(1);
  now_ += absl::Milliseconds(1);
  EXPECT_THAT(Take(/*linger=*/true), ElementsAre(2)) << "it has waited long enough";
  Push(1);
  EXPECT_THAT(Take(/*linger=*/false), ElementsAre(3)) << "an idle instance does not wait";
}

TEST_F(BatchQueueTest, ABucketThatWaitsHoldsUpNoOther) {
  Limit({.max_rows = 2, .max_delay = absl::Milliseconds(1), .preferred_rows = {}});
  Push(1);
  Push(2);
  Push(2);
  EXPECT_THAT(Take(/*linger=*/true), ElementsAre(1, 2));
  EXPECT_TRUE(Push(0)) << "what shares a batch with nobody waits for nobody";
  EXPECT_THAT(Take(/*linger=*/true), ElementsAre(3));
  EXPECT_THAT(Take(/*linger=*/true), IsEmpty());
}

TEST_F(BatchQueueTest, AClockSetBackKeepsNothingWaiting) {
  Limit({.max_rows = 2, .max_delay = absl::Milliseconds(1), .preferred_rows = {}});
  Push(1);
  now_ -= absl::Hours(1);
  EXPECT_THAT(Take(/*linger=*/true), ElementsAre(0));
}

TEST_F(BatchQueueTest, PreferredSizesAreTakenAndEndTheWait) {
  Limit({.max_rows = 8, .max_delay = absl::Milliseconds(1), .preferred_rows = {2, 4}});
  EXPECT_FALSE(Push(1));
  EXPECT_TRUE(Push(1)) << "the smallest is worth it";
  for (int i = 0; i < 5; ++i) Push(1);
  EXPECT_THAT(Take(/*linger=*/true), ElementsAre(0, 1, 2, 3)) << "the largest that is there";
  EXPECT_THAT(Take(/*linger=*/true), ElementsAre(4, 5));
  EXPECT_THAT(Take(/*linger=*/true), IsEmpty());
  EXPECT_THAT(Take(/*linger=*/false), ElementsAre(6)) << "fewer than any";
}

TEST_F(BatchQueueTest, NothingWaitsPastItsDeadline) {
  Limit({.max_rows = 8, .max_delay = absl::Milliseconds(100), .preferred_rows = {}});
  Push(1);
  EXPECT_THAT(Take(/*linger=*/true), IsEmpty());
  calls_.emplace_back().deadline = now_ + absl::Milliseconds(50);
  BatchKey key;
  key.Add(1);
  EXPECT_TRUE(
      queue_->Push({.call = &calls_.back(), .rows = 1, .bytes = 10, .arrived = now_, .is_light = true}, key))
      << "who lingers has to look again";
  const BatchQueue::Taken taken = queue_->Take(now_, /*linger=*/true, /*run=*/absl::Milliseconds(10));
  EXPECT_TRUE(taken.calls.empty());
  EXPECT_EQ(taken.look_again, now_ + absl::Milliseconds(30));
  EXPECT_EQ(queue_->Take(taken.look_again, /*linger=*/true, absl::Milliseconds(10)).calls.size(), 2u);
}

TEST_F(BatchQueueTest, SizesByPriority) {
  Limit({});
  for (const Priority priority : {Priority::kLow, Priority::kHigh, Priority::kLow, Priority::kNormal}) {
    Push(0, 1, priority);
  }
  EXPECT_EQ(queue_->SizeBefore(Priority::kHigh).calls, 1u);
  EXPECT_EQ(queue_->SizeBefore(Priority::kNormal).calls, 2u);
  EXPECT_EQ(queue_->SizeBefore(Priority::kLow).calls, 4u);
}

TEST_F(BatchQueueTest, KnowsOfWhatIsNotLight) {
  Limit({});
  Push(0);
  EXPECT_TRUE(queue_->all_light());
  queue_->Push({.call = &calls_.emplace_back(), .rows = 1, .bytes = 10, .arrived = now_, .is_light = false},
               std::nullopt);
  EXPECT_FALSE(queue_->all_light());
  Take();
  EXPECT_FALSE(queue_->all_light());
  Take();
  EXPECT_TRUE(queue_->all_light());
}

TEST_F(BatchQueueTest, RemoveTakesOutOfAllBuckets) {
  Limit({.max_rows = 8, .max_delay = {}, .preferred_rows = {}});
  for (const int key : {1, 2, 0, 1}) Push(key);
  for (const size_t i : {0u, 1u, 2u}) calls_[i].cancelled = true;
  EXPECT_EQ(queue_->Remove([](const QueuedCall& call) { return call.Cancelled(); }).size(), 3u);
  EXPECT_EQ(queue_->size().calls, 1u);
  EXPECT_EQ(queue_->size().bytes, 10);
  EXPECT_THAT(Take(), ElementsAre(3));
}

TEST_F(BatchQueueTest, TheNewestOfTheLeastUrgentGoesFirst) {
  Limit({.max_rows = 4, .max_delay = absl::ZeroDuration(), .preferred_rows = {}});
  Push(1, 1, Priority::kLow);
  Push(2, 1, Priority::kLow);
  Push(1, 1, Priority::kNormal);
  Push(1, 1, Priority::kHigh);
  EXPECT_EQ(queue_->SizeBefore(Priority::kNormal).bytes, 20);
  EXPECT_EQ(queue_->TakeLessUrgent(Priority::kHigh), &calls_[1]);
  EXPECT_EQ(queue_->TakeLessUrgent(Priority::kHigh), &calls_[0]);
  EXPECT_EQ(queue_->TakeLessUrgent(Priority::kNormal), nullptr);
  EXPECT_EQ(queue_->TakeLessUrgent(Priority::kHigh), &calls_[2]);
  EXPECT_EQ(queue_->TakeLessUrgent(Priority::kHigh), nullptr);
  EXPECT_EQ(queue_->size().calls, 1u);
  EXPECT_EQ(queue_->size().bytes, 10);
  EXPECT_THAT(Take(), ElementsAre(3));
  EXPECT_THAT(Take(), IsEmpty());
}

}  // namespace
}  // namespace modeld
