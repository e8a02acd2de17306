#include "daemon/scheduling/instance_group.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "daemon/scheduling/request_scheduler.h"
#include "daemon/scheduling/retry_after.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_call.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;

Value Row(float x) { return Value{FloatTensor({1, 1}, {x})}; }

// forward(x) doubles each element; what the test asks for beyond that comes first.
class InstanceGroupTest : public ::testing::Test {
 protected:
  InstanceGroupTest()
      : executable_(FakeForward({FakeArgument("x")}),
                    [this](std::vector<Value> arguments) { return Run(std::move(arguments)); }) {
    SetLogLevel(LogLevel::kError);
    options_.name = "digits 1.0";
    options_.threads_per_instance = 2;  // so that nothing runs on the test's own thread
  }
  ~InstanceGroupTest() override {
    Open();
    group_.reset();
  }

  void Start() { group_ = scheduler_.NewGroup(&executable_, options_); }
  void Batch(int64_t max_rows, absl::Duration max_delay = absl::ZeroDuration()) {
    options_.batching = BatchRule{{true}};
    options_.batch.max_rows = max_rows;
    options_.batch.max_delay = max_delay;
  }

  // Runs wait from now on, until Open.
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
  }
  void Open() {
    MutexLock lock(&mutex_);
    closed_ = false;
    changed_.SignalAll();
  }
  void AwaitRuns(size_t count) {
    MutexLock lock(&mutex_);
    while (runs_.size() < count) changed_.Wait(&mutex_);
  }
  // What the model was called with, in order.
  std::vector<std::vector<float>> runs() {
    MutexLock lock(&mutex_);
    return runs_;
  }

  // Submits forward(x).
  TestCall& Submit(float x, absl::Time deadline = absl::InfiniteFuture(),
                   Priority priority = Priority::kNormal) {
    TestCall& call = calls_.emplace_back(std::vector<Value>{Row(x)});
    call.bytes = 100;
    call.deadline = deadline;
    call.priority = priority;
    group_->Submit(&call);
    return call;
  }
  // An instance that is busy with a run of 0 until Open.
  void HoldAnInstance() {
    const size_t before = runs().size();
    Close();
    Submit(0);
    AwaitRuns(before + 1);
  }

  // So that they may make a batch.
  void SubmitTogether(std::initializer_list<float> xs) {
    HoldAnInstance();
    for (const float x : xs) Submit(x);
    Open();
  }

  // Starts, and lets it be known that runs are so quick that they are run by who brings the request.
  void StartAsFast() {
    options_.threads_per_instance = 1;
    Start();
    for (bool at_once = false; !at_once;) {
      TestCall& call = Submit(1);
      at_once = call.answered.notified();
      (void)call.outcome();
    }
  }

  // As HoldAnInstance, where it is known that a run takes 20 ms.
  void HoldAnInstanceOfASlowModel() {
    const absl::Duration usually = std::exchange(run_takes_, absl::Milliseconds(20));
    (void)Submit(0).outcome();
    run_takes_ = usually;
    HoldAnInstance();
  }

  absl::StatusOr<Value> Run(std::vector<Value> arguments) {
    Tensor x = *arguments[0].get_if<Tensor>();
    const std::vector<float> elements = ElementsOf<float>(arguments[0]);
    {
      MutexLock lock(&mutex_);
      runs_.push_back(elements);
      changed_.SignalAll();
      while (closed_) changed_.Wait(&mutex_);
    }
    clock_.Advance(run_takes_);
    if (run_) return run_(x, elements);
    std::vector<float> doubled;
    for (const float element : elements) doubled.push_back(2 * element);
    return Value{FloatTensor(x.shape, doubled)};
  }

  Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::vector<float>> runs_ ABSL_GUARDED_BY(mutex_);
  absl::Duration run_takes_ = absl::Microseconds(1);
  std::function<absl::StatusOr<Value>(const Tensor&, const std::vector<float>&)> run_;

  ManualClock clock_;
  FunctionExecutable executable_;
  std::atomic<int> prepared_{0};
  RequestScheduler scheduler_{&clock_, [this](int) { ++prepared_; }};
  InstanceGroupOptions options_;
  std::deque<TestCall> calls_;
  std::unique_ptr<InstanceGroup> group_;
};

TEST_F(InstanceGroupTest, AnswersWhatTheModelReturns) {
  Start();
  const CallOutcome& outcome = Submit(3).outcome();
  ASSERT_OK(outcome.value.status());
  EXPECT_THAT(ElementsOf<float>(*outcome.value), ElementsAre(6));
  EXPECT_TRUE(outcome.ran);
  EXPECT_THAT(outcome.nanoseconds, Gt(0));
  EXPECT_EQ(outcome.batch_rows, 0);
  EXPECT_EQ(scheduler_.begun(), 1u);
}

TEST_F(InstanceGroupTest, AFastModelRunsOnTheThreadThatBringsTheRequest) {
  std::thread::id ran_on;
  run_ = [&](const Tensor& x, const std::vector<float>&) -> absl::StatusOr<Value> {
    ran_on = std::this_thread::get_id();
    return Value{x};
  };
  options_.threads_per_instance = 1;
  Start();
  (void)Submit(1).outcome();
  EXPECT_NE(ran_on, std::this_thread::get_id()) << "how long it takes is not known yet";
  // Runs measure the real time; of some the machine may make slow ones, not of all.
  bool at_once = false;
  for (int i = 0; i < 1000 && !at_once; ++i) {
    TestCall& call = Submit(1);
    at_once = call.answered.notified() && ran_on == std::this_thread::get_id();
    (void)call.outcome();
  }
  EXPECT_TRUE(at_once);
}

// Who brings requests is to go on bringing them: only what is known to be quick keeps him.
TEST_F(InstanceGroupTest, ALargeRequestThatWaitsIsLeftToTheGroupsThreads) {
  std::map<size_t, std::thread::id> ran_on;  // by the number of elements
  run_ = [&](const Tensor& x, const std::vector<float>& elements) -> absl::StatusOr<Value> {
    ran_on[elements.size()] = std::this_thread::get_id();
    return Value{x};
  };
  StartAsFast();
  const size_t before = runs().size();
  Close();
  std::thread::id brings;
  std::thread bringing([&] {
    brings = std::this_thread::get_id();
    Submit(1);
  });
  AwaitRuns(before + 1);
  TestCall large(std::vector<Value>{Value{FloatTensor({1, 2}, {1, 2})}});
  large.bytes = 1 << 20;
  group_->Submit(&large);
  Open();
  EXPECT_OK(large.outcome().value.status());
  bringing.join();
  EXPECT_NE(ran_on[2], brings);
  EXPECT_NE(ran_on[2], std::this_thread::get_id());
}

// As long as others refilled the queue, who had brought the first did not get his answer out.
TEST_F(InstanceGroupTest, WhoBringsARequestRunsOthersForAWhileOnly) {
  run_takes_ = absl::Microseconds(50);
  std::thread::id brings;
  int refills = 0;
  run_ = [&](const Tensor& x, const std::vector<float>& elements) -> absl::StatusOr<Value> {
    if (elements[0] == 2 && std::this_thread::get_id() == brings && ++refills < 1000) Submit(2);
    return Value{x};
  };
  StartAsFast();
  std::thread bringing([&] {
    brings = std::this_thread::get_id();
    Submit(2);
  });
  bringing.join();
  EXPECT_THAT(refills, testing::AllOf(testing::Ge(5), testing::Le(50)));
  EXPECT_OK(calls_.back().outcome().value.status());
}

TEST_F(InstanceGroupTest, AsManyRunAtOnceAsThereAreInstances) {
  options_.instances = 2;
  Start();
  Close();
  for (int i = 0; i < 4; ++i) Submit(static_cast<float>(i));
  AwaitRuns(2);
  EXPECT_EQ(group_->queued(), 2u);
  Open();
  for (TestCall& call : calls_) EXPECT_OK(call.outcome().value.status());
  EXPECT_EQ(runs().size(), 4u);
}

TEST_F(InstanceGroupTest, WhatWaitsTogetherRunsTogetherAndComesApart) {
  Batch(3);
  Start();
  SubmitTogether({1, 2, 3, 4});
  for (size_t i = 1; i < calls_.size(); ++i) {
    const CallOutcome& outcome = calls_[i].outcome();
    ASSERT_OK(outcome.value.status());
    EXPECT_THAT(ElementsOf<float>(*outcome.value), ElementsAre(2 * static_cast<float>(i)));
    EXPECT_EQ(outcome.batch_rows, i < 4 ? 3 : 0);
  }
  EXPECT_THAT(runs(), ElementsAre(ElementsAre(0), ElementsAre(1, 2, 3), ElementsAre(4)));
}

TEST_F(InstanceGroupTest, ABatchIsCountedByOneOfItsCalls) {
  Batch(4);
  run_takes_ = absl::Milliseconds(6);
  Start();
  HoldAnInstance();
  for (float x : {1.0F, 2.0F, 3.0F}) Submit(x);
  EXPECT_EQ(group_->load().queued, 3);
  EXPECT_EQ(group_->load().running, 1);
  Open();
  int counted = 0;
  for (size_t i = 1; i < 4; ++i) {
    const CallOutcome& outcome = calls_[i].outcome();
    EXPECT_EQ(outcome.rows, 1);
    EXPECT_EQ(outcome.batch_rows, 3);
    EXPECT_EQ(outcome.nanoseconds, 2'000'000) << "its share";
    EXPECT_EQ(outcome.run_nanoseconds, 6'000'000) << "what it waited for";
    if (outcome.counts_run) ++counted;
  }
  EXPECT_EQ(counted, 1);
  EXPECT_TRUE(calls_[0].outcome().counts_run) << "it ran alone";
  group_.reset();  // waits for its threads
}

TEST_F(InstanceGroupTest, InstancesAreBusyForAsLongAsRunsTake) {
  run_takes_ = absl::Milliseconds(3);
  Start();
  for (int i = 0; i < 4; ++i) (void)Submit(1).outcome();
  EXPECT_EQ(group_->load().busy_nanoseconds, 12'000'000);
}

TEST_F(InstanceGroupTest, WithoutBatchingNothingIsJoined) {
  Start();
  SubmitTogether({1, 2});
  (void)calls_.back().outcome();
  EXPECT_THAT(runs(), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
}

TEST_F(InstanceGroupTest, OneBadRequestOfABatchFailsAlone) {
  Batch(8);
  run_ = [](const Tensor& x, const std::vector<float>& elements) -> absl::StatusOr<Value> {
    for (const float element : elements) {
      if (element == 13) return absl::InternalError("unlucky");
    }
    return Value{x};
  };
  Start();
  SubmitTogether({1, 13, 2});
  EXPECT_OK(calls_[1].outcome().value.status());
  EXPECT_THAT(calls_[2].outcome().value, StatusIs(absl::StatusCode::kInternal, "unlucky"));
  EXPECT_OK(calls_[3].outcome().value.status());
  EXPECT_THAT(ElementsOf<float>(*calls_[3].outcome().value), ElementsAre(2));
  EXPECT_THAT(runs(), ElementsAre(ElementsAre(0), ElementsAre(1, 13, 2), ElementsAre(1), ElementsAre(13),
                                  ElementsAre(2)))
      << "once more each, and no more";
  EXPECT_EQ(calls_[2].begun, 2);
}

TEST_F(InstanceGroupTest, AfterABatchThatEndedTheEngineNoneOfItsRequestsIsSentToAnotherServer) {
  Batch(8);
  std::atomic<bool> ended = false;  // by whichever thread runs
  run_ = [&](const Tensor& x, const std::vector<float>& elements) -> absl::StatusOr<Value> {
    if (ended) return absl::UnavailableError("modeld has to be restarted");
    ended = std::count(elements.begin(), elements.end(), 13) > 0;
    if (ended) return absl::InternalError("device-side assert");
    return Value{x};
  };
  Start();
  SubmitTogether({1, 13, 2});
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_THAT(calls_[i].outcome().value, StatusIs(absl::StatusCode::kInternal, "device-side assert"));
  }
  EXPECT_THAT(Submit(3).outcome().value, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("restarted")));
}

// Sums of such numbers of rows overflow; their tensors hold no bytes, so nothing else keeps them out.
TEST_F(InstanceGroupTest, MoreRowsThanABatchHoldsAreNeverAddedUp) {
  Batch(8);
  options_.batch.preferred_rows = {8};
  options_.pad_batches = true;
  run_ = [](const Tensor& x, const std::vector<float>&) -> absl::StatusOr<Value> { return Value{x}; };
  Start();
  HoldAnInstance();
  constexpr int64_t kMany = (int64_t{1} << 62) + 1000;
  for (int i = 0; i < 3; ++i) {
    Tensor empty = FloatTensor({1, 0}, {});
    empty.shape[0] = kMany;
    group_->Submit(&calls_.emplace_back(std::vector<Value>{Value{empty}}));
  }
  Open();
  for (size_t i = 1; i < calls_.size(); ++i) {
    const CallOutcome& outcome = calls_[i].outcome();
    ASSERT_OK(outcome.value.status());
    EXPECT_EQ(outcome.value->get_if<Tensor>()->shape[0], kMany);
    EXPECT_EQ(outcome.batch_rows, 0);
  }
}

TEST_F(InstanceGroupTest, PaddingDoesNotMultiplyLargeRequests) {
  Batch(64);
  options_.batch.preferred_rows = {64};
  options_.pad_batches = true;
  Start();
  HoldAnInstance();
  for (const float x : {1, 2}) {
    TestCall& call = calls_.emplace_back(std::vector<Value>{Row(x)});
    call.bytes = 64 << 20;  // or so it says
    group_->Submit(&call);
  }
  Open();
  for (TestCall& call : calls_) EXPECT_OK(call.outcome().value.status());
  EXPECT_THAT(runs(), ElementsAre(ElementsAre(0), ElementsAre(1, 2)));
}

TEST_F(InstanceGroupTest, TheUrgentDoNotWaitForTheOthersAndAreNotRefusedForThem) {
  Start();
  HoldAnInstanceOfASlowModel();
  for (int i = 0; i < 50; ++i) Submit(1, absl::InfiniteFuture(), Priority::kLow);
  TestCall& low = Submit(1, clock_.Now() + absl::Milliseconds(100), Priority::kLow);
  EXPECT_THAT(low.outcome().value, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("cannot be met")));
  TestCall& high = Submit(1, clock_.Now() + absl::Milliseconds(100), Priority::kHigh);
  EXPECT_FALSE(high.answered.notified());
  Open();
  EXPECT_OK(high.outcome().value.status());
  for (TestCall& call : calls_) (void)call.outcome();
}

// What is let in so late that its own run ends after its deadline is run for nobody.
TEST_F(InstanceGroupTest, ARequestIsRefusedWhereItsOwnRunWouldEndTooLate) {
  Start();
  HoldAnInstanceOfASlowModel();
  TestCall& late = Submit(2, clock_.Now() + absl::Milliseconds(15));
  EXPECT_THAT(late.outcome().value,
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       AllOf(HasSubstr("cannot be met: 0 requests wait"), HasSubstr("a run takes up to"))));
  TestCall& in_time = Submit(3, clock_.Now() + absl::Seconds(1));
  EXPECT_FALSE(in_time.answered.notified());
  Open();
  EXPECT_OK(in_time.outcome().value.status());
}

TEST_F(InstanceGroupTest, WhoSharesABatchWithThoseBeforeItDoesNotWaitForThem) {
  Batch(64);
  Start();
  HoldAnInstanceOfASlowModel();
  for (int i = 0; i < 30; ++i) Submit(1);
  TestCall& joins = Submit(2, clock_.Now() + absl::Milliseconds(200));
  EXPECT_FALSE(joins.answered.notified());
  Open();
  EXPECT_OK(joins.outcome().value.status());
  EXPECT_EQ(joins.outcome().batch_rows, 31);
  for (TestCall& call : calls_) (void)call.outcome();
}

TEST_F(InstanceGroupTest, OutputsThatCannotBeTakenApartEndBatching) {
  Batch(8);
  run_ = [](const Tensor& x, const std::vector<float>&) -> absl::StatusOr<Value> {
    return Value{FloatTensor({1, 1}, {static_cast<float>(x.shape[0])})};
  };
  Start();
  for (int round = 0; round < 2; ++round) {
    SubmitTogether({1, 2});
    for (TestCall& call : calls_) EXPECT_OK(call.outcome().value.status());
    {
      MutexLock lock(&mutex_);
      // The first round tried a batch.
      EXPECT_EQ(runs_.size(), round == 0 ? 4u : 3u);
      runs_.clear();
    }
    calls_.clear();
  }
}

TEST_F(InstanceGroupTest, PaddingFillsUpToAPreferredSize) {
  Batch(8);
  options_.batch.preferred_rows = {4};
  options_.pad_batches = true;
  Start();
  SubmitTogether({1, 2, 3});
  EXPECT_THAT(ElementsOf<float>(*calls_[3].outcome().value), ElementsAre(6));
  EXPECT_THAT(runs(), ElementsAre(ElementsAre(0), ElementsAre(1, 2, 3, 3)));
}

TEST_F(InstanceGroupTest, OnlyAnInstanceThatComesFromWorkWaitsForAFullBatch) {
  Batch(2, absl::Hours(1));
  Start();
  HoldAnInstance();  // which was idle, and did not wait
  TestCall& waits = Submit(2);
  Open();
  (void)calls_[0].outcome();
  // By now the instance has ended its run, or will; either way it waits for a second row.
  EXPECT_FALSE(waits.answered.notified());
  TestCall& fills = Submit(3);
  EXPECT_OK(waits.outcome().value.status());
  EXPECT_OK(fills.outcome().value.status());
  EXPECT_THAT(runs().back(), ElementsAre(2, 3));
}

TEST_F(InstanceGroupTest, TheWaitForAFullBatchEnds) {
  Batch(2, absl::Seconds(5));
  Start();
  HoldAnInstance();
  TestCall& waits = Submit(2);
  Open();
  (void)calls_[0].outcome();
  clock_.Advance(absl::Seconds(6));
  group_->Poke();
  EXPECT_OK(waits.outcome().value.status());
}

TEST_F(InstanceGroupTest, AFullQueueRefusesAtOnceAndSaysWhenToTryAgain) {
  options_.max_queue_calls = 2;
  Start();
  HoldAnInstance();
  Submit(1);
  Submit(2);
  TestCall& refused = Submit(3);
  ASSERT_TRUE(refused.answered.notified());
  EXPECT_THAT(refused.outcome().value,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("the queue is full: 2 requests wait (limit 2)"),
                             HasSubstr("raise --max-queue"))));
  EXPECT_TRUE(RetryAfter(refused.outcome().value.status()).has_value());
  EXPECT_FALSE(refused.outcome().ran);
  Open();
  EXPECT_OK(calls_[2].outcome().value.status());
}

TEST_F(InstanceGroupTest, BytesFillAQueueToo) {
  options_.max_queue_bytes = 1;
  Start();
  HoldAnInstance();
  TestCall& queued = Submit(1);
  EXPECT_THAT(Submit(2).outcome().value,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("raise --max-queue-mib")));
  Open();
  EXPECT_OK(queued.outcome().value.status()) << "the first always fits";
}

TEST_F(InstanceGroupTest, WhatNobodyWantsAnyMoreMakesRoom) {
  options_.max_queue_calls = 2;
  Start();
  HoldAnInstance();
  TestCall& cancelled = Submit(1);
  TestCall& late = Submit(2, clock_.Now() + absl::Seconds(1));
  cancelled.cancelled = true;
  clock_.Advance(absl::Seconds(2));
  TestCall& fits = Submit(3);
  EXPECT_THAT(cancelled.outcome().value, StatusIs(absl::StatusCode::kCancelled, HasSubstr("cancelled")));
  EXPECT_THAT(late.outcome().value, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("passed")));
  EXPECT_FALSE(fits.answered.notified());
  Open();
  EXPECT_OK(fits.outcome().value.status());
  EXPECT_EQ(runs().size(), 2u) << "neither was run";
}

TEST_F(InstanceGroupTest, TheUrgentTakeThePlaceOfTheOthersInAFullQueue) {
  options_.max_queue_calls = 2;
  Start();
  HoldAnInstance();
  TestCall& low = Submit(1, absl::InfiniteFuture(), Priority::kLow);
  TestCall& normal = Submit(2);
  TestCall& high = Submit(3, absl::InfiniteFuture(), Priority::kHigh);
  ASSERT_TRUE(low.answered.notified()) << "the least urgent";
  EXPECT_THAT(low.outcome().value,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("2 requests wait (limit 2)")));
  EXPECT_TRUE(RetryAfter(low.outcome().value.status()).has_value());
  EXPECT_THAT(Submit(4).outcome().value, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("is full")))
      << "an equal one does not";
  EXPECT_FALSE(normal.answered.notified());
  Open();
  EXPECT_OK(high.outcome().value.status());
  EXPECT_OK(normal.outcome().value.status());
}

TEST_F(InstanceGroupTest, NobodyIsDisplacedForWhatDoesNotFitAnyway) {
  options_.max_queue_bytes = 250;
  Start();
  HoldAnInstance();
  TestCall& high = Submit(1, absl::InfiniteFuture(), Priority::kHigh);
  TestCall& low = Submit(2, absl::InfiniteFuture(), Priority::kLow);
  TestCall large({Row(3)});
  large.bytes = 200;
  large.priority = Priority::kHigh;
  group_->Submit(&large);
  EXPECT_THAT(large.outcome().value, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("is full")));
  EXPECT_FALSE(low.answered.notified());
  Open();
  EXPECT_OK(high.outcome().value.status());
  EXPECT_OK(low.outcome().value.status());
}

TEST_F(InstanceGroupTest, ADeadlineThatPassedIsNotRun) {
  Start();
  TestCall& before = Submit(1, clock_.Now());
  ASSERT_TRUE(before.answered.notified());
  EXPECT_THAT(before.outcome().value, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("before")));
  HoldAnInstance();
  TestCall& waits = Submit(2, clock_.Now() + absl::Seconds(1));
  TestCall& gone = Submit(3);
  gone.cancelled = true;
  clock_.Advance(absl::Seconds(1));
  Open();
  EXPECT_THAT(waits.outcome().value,
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("while the request waited")));
  EXPECT_THAT(gone.outcome().value, StatusIs(absl::StatusCode::kCancelled, HasSubstr("cancelled")));
  EXPECT_EQ(runs().size(), 1u);
}

TEST_F(InstanceGroupTest, TheUrgentOvertake) {
  Start();
  HoldAnInstance();
  Submit(1, absl::InfiniteFuture(), Priority::kLow);
  Submit(2);
  Submit(3, absl::InfiniteFuture(), Priority::kHigh);
  Open();
  for (TestCall& call : calls_) (void)call.outcome();
  EXPECT_THAT(runs(), ElementsAre(ElementsAre(0), ElementsAre(3), ElementsAre(2), ElementsAre(1)));
}

TEST_F(InstanceGroupTest, ThreadsArePreparedBeforeTheyRun) {
  run_ = [this](const Tensor& x, const std::vector<float>&) -> absl::StatusOr<Value> {
    EXPECT_GE(prepared_, 1);
    return Value{x};
  };
  Start();
  (void)Submit(1).outcome();
}

TEST_F(InstanceGroupTest, StopAnswersWhatWaitsAndWaitsForWhatRuns) {
  Start();
  HoldAnInstance();
  TestCall& waits = Submit(1);
  std::thread stopping([this] { scheduler_.Stop(); });
  EXPECT_THAT(waits.outcome().value, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  EXPECT_FALSE(calls_[0].answered.notified());
  Open();
  stopping.join();
  EXPECT_TRUE(calls_[0].answered.notified());
  EXPECT_EQ(scheduler_.in_flight(), 0);
  EXPECT_THAT(Submit(2).outcome().value,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  group_ = scheduler_.NewGroup(&executable_, options_);
  EXPECT_THAT(Submit(3).outcome().value,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
}

}  // namespace
}  // namespace modeld
