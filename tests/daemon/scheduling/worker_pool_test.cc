#include "daemon/scheduling/worker_pool.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(60);

// Keeps a thread of a pool busy until opened. Declare it before the pool.
class Gate {
 public:
  Work Blocker() {
    Work work;
    work.run = [this](absl::Status status) {
      EXPECT_OK(status);
      began_.Notify();
      open_.Wait();
    };
    return work;
  }
  void AwaitBegan() { began_.Wait(); }
  void Open() { open_.Notify(); }

 private:
  Notification began_;
  Notification open_;
};

// The status that a work was run with. Declare it before the pool.
class Answer {
 public:
  Work Recorder() {
    Work work;
    work.run = [this](absl::Status status) {
      status_ = std::move(status);
      run_.Notify();
    };
    return work;
  }
  absl::Status Get() {
    run_.Wait();
    return status_;
  }

 private:
  absl::Status status_;
  Notification run_;
};

class WorkerPoolTest : public ::testing::Test {
 protected:
  WorkerPoolOptions Options(int threads, size_t max_queue) {
    WorkerPoolOptions options;
    options.threads = threads;
    options.max_queue = max_queue;
    return options;
  }
  ManualClock clock_;
};

TEST_F(WorkerPoolTest, CountsWhatItBegan) {
  Answer answer;
  WorkerPool pool(&clock_, Options(1, 10));
  EXPECT_EQ(pool.begun(), 0u);
  Work work = answer.Recorder();
  ASSERT_OK(pool.Submit(work));
  EXPECT_OK(answer.Get());
  EXPECT_EQ(pool.begun(), 1u);
}

TEST_F(WorkerPoolTest, RunsWorkWithOk) {
  Answer answer;
  WorkerPool pool(&clock_, Options(2, 8));
  Work work = answer.Recorder();
  ASSERT_OK(pool.Submit(work));
  EXPECT_OK(answer.Get());
}

TEST_F(WorkerPoolTest, RunsWorkInOrderOfArrival) {
  WorkerPool pool(&clock_, Options(1, 8));
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) {
    Work work;
    work.run = [&order, i](absl::Status) { order.push_back(i); };
    ASSERT_OK(pool.Submit(work));
  }
  ASSERT_TRUE(pool.WaitIdle(kLong));
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

TEST_F(WorkerPoolTest, PreparesEveryThreadOnceBeforeItsFirstWork) {
  std::atomic<int> prepared{0};
  thread_local bool this_thread_prepared = false;
  WorkerPoolOptions options = Options(3, 8);
  options.prepare_thread = [&prepared] {
    EXPECT_FALSE(this_thread_prepared);
    this_thread_prepared = true;
    ++prepared;
  };
  {
    WorkerPool pool(&clock_, std::move(options));
    for (int i = 0; i < 8; ++i) {
      Work work;
      work.run = [](absl::Status) { EXPECT_TRUE(this_thread_prepared); };
      ASSERT_OK(pool.Submit(work));
    }
    ASSERT_TRUE(pool.WaitIdle(kLong));
  }
  EXPECT_EQ(prepared, 3);
}

TEST_F(WorkerPoolTest, FullQueueRefusesAtOnceAndLeavesTheWorkUntouched) {
  Gate gate;
  Answer answer;
  WorkerPool pool(&clock_, Options(1, 1));
  Work blocker = gate.Blocker();
  ASSERT_OK(pool.Submit(blocker));
  gate.AwaitBegan();
  Work queued;
  queued.run = [](absl::Status) {};
  ASSERT_OK(pool.Submit(queued));
  EXPECT_EQ(pool.queued(), 1u);
  EXPECT_EQ(pool.running(), 1u);

  Work refused = answer.Recorder();
  EXPECT_THAT(pool.Submit(refused), StatusIs(absl::StatusCode::kResourceExhausted,
                                             HasSubstr("the queue is full: 1 requests wait")));
  ASSERT_TRUE(refused.run != nullptr);

  gate.Open();
  ASSERT_TRUE(pool.WaitIdle(kLong));
  ASSERT_OK(pool.Submit(refused));
  EXPECT_OK(answer.Get());
}

TEST_F(WorkerPoolTest, WithoutAQueueIdleThreadsStillTakeWork) {
  Gate first;
  Gate second;
  WorkerPool pool(&clock_, Options(2, 0));
  Work one = first.Blocker();
  Work two = second.Blocker();
  ASSERT_OK(pool.Submit(one));
  ASSERT_OK(pool.Submit(two));
  Work three;
  three.run = [](absl::Status) {};
  EXPECT_THAT(pool.Submit(three), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit 0")));
  first.AwaitBegan();
  second.AwaitBegan();
  first.Open();
  second.Open();
}

TEST_F(WorkerPoolTest, PassedDeadlineIsRefusedAtSubmit) {
  WorkerPool pool(&clock_, Options(1, 8));
  Work work;
  work.deadline = clock_.Now();
  work.run = [](absl::Status) { ADD_FAILURE() << "must not run"; };
  EXPECT_THAT(pool.Submit(work),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("before the request was queued")));
}

TEST_F(WorkerPoolTest, DeadlinePassedInTheQueueIsNotBegun) {
  Gate gate;
  Answer answer;
  WorkerPool pool(&clock_, Options(1, 8));
  Work blocker = gate.Blocker();
  ASSERT_OK(pool.Submit(blocker));
  Work work = answer.Recorder();
  work.deadline = clock_.Now() + absl::Seconds(1);
  ASSERT_OK(pool.Submit(work));
  clock_.Advance(absl::Seconds(1));
  gate.Open();
  EXPECT_THAT(answer.Get(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("waited in the queue")));
}

TEST_F(WorkerPoolTest, CancelledInTheQueueIsNotBegun) {
  Gate gate;
  Answer answer;
  WorkerPool pool(&clock_, Options(1, 8));
  Work blocker = gate.Blocker();
  ASSERT_OK(pool.Submit(blocker));
  std::atomic<bool> cancelled{false};
  Work work = answer.Recorder();
  work.cancelled = [&cancelled] { return cancelled.load(); };
  ASSERT_OK(pool.Submit(work));
  cancelled = true;
  gate.Open();
  EXPECT_THAT(answer.Get(), StatusIs(absl::StatusCode::kCancelled, HasSubstr("cancelled")));
}

TEST_F(WorkerPoolTest, StopAnswersQueuedWorkAndWaitsForWhatRuns) {
  Gate gate;
  Answer answer;
  WorkerPool pool(&clock_, Options(1, 8));
  Work blocker = gate.Blocker();
  ASSERT_OK(pool.Submit(blocker));
  gate.AwaitBegan();
  Work queued = answer.Recorder();
  ASSERT_OK(pool.Submit(queued));

  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    pool.Stop();
    stopped = true;
  });
  EXPECT_THAT(answer.Get(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  EXPECT_FALSE(stopped) << "the blocker still runs";
  gate.Open();
  stopper.join();
  EXPECT_EQ(pool.running(), 0u);

  Work late;
  late.run = [](absl::Status) { ADD_FAILURE() << "must not run"; };
  EXPECT_THAT(pool.Submit(late), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
}

TEST_F(WorkerPoolTest, WaitIdleGivesUpWhileWorkRuns) {
  Gate gate;
  WorkerPool pool(&clock_, Options(1, 8));
  Work blocker = gate.Blocker();
  ASSERT_OK(pool.Submit(blocker));
  EXPECT_FALSE(pool.WaitIdle(absl::Milliseconds(1)));
  gate.Open();
  EXPECT_TRUE(pool.WaitIdle(absl::InfiniteDuration()));
}

TEST_F(WorkerPoolTest, WhatWorkHoldsIsLetGoBeforeThePoolIsIdle) {
  WorkerPool pool(&clock_, Options(1, 8));
  auto held = std::make_shared<int>(1);
  Work work;
  work.run = [held](absl::Status) {};
  ASSERT_OK(pool.Submit(work));
  work.run = nullptr;
  ASSERT_TRUE(pool.WaitIdle(kLong));
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(WorkerPoolTest, EveryWorkIsAnsweredExactlyOnceWhileThreadsSubmitAndThePoolStops) {
  constexpr int kSubmitters = 4;
  constexpr int kEach = 500;
  std::vector<std::atomic<int>> answers(kSubmitters * kEach);
  std::vector<std::atomic<int>> accepted(kSubmitters * kEach);
  std::atomic<int> submitted{0};
  {
    WorkerPool pool(&clock_, Options(3, 16));
    std::vector<std::thread> submitters;
    for (int s = 0; s < kSubmitters; ++s) {
      submitters.emplace_back([&, s] {
        for (int i = s * kEach; i < (s + 1) * kEach; ++i) {
          Work work;
          work.run = [&answers, i](absl::Status) { ++answers[i]; };
          if (pool.Submit(work).ok()) ++accepted[i];
          ++submitted;
        }
      });
    }
    while (submitted < kSubmitters * kEach / 2) std::this_thread::yield();
    pool.Stop();
    for (std::thread& submitter : submitters) submitter.join();
  }
  for (size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i], accepted[i]) << i;
}

}  // namespace
}  // namespace modeld
