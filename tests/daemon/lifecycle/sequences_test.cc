#include "daemon/lifecycle/sequences.h"

#include <gmock/gmock.h>

#include <deque>
#include <memory>
#include <thread>

#include "daemon/lifecycle/reaper.h"
#include "daemon/scheduling/request_scheduler.h"
#include "registry/base/log.h"
#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_call.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kStep = 1'000'000;

// Counts its calls; a session counts its own, and each takes it a step of memory. Waits while it is closed.
class CountingExecutable final : public Executable {
 public:
  explicit CountingExecutable(Notification* gate, int64_t loaded_bytes = 0)
      : gate_(gate), loaded_bytes_(loaded_bytes), methods_({FakeForward({})}) {}
  const std::vector<Method>& methods() const override { return methods_; }
  bool stateful() const override { return true; }
  absl::StatusOr<std::unique_ptr<Executable>> NewSession() override {
    return std::make_unique<CountingExecutable>(gate_, loaded_bytes_);
  }
  absl::StatusOr<Value> Run(size_t, std::vector<Value>) override {
    if (gate_ != nullptr) gate_->Wait();
    return Value{int64_t{++calls_}};
  }
  int64_t StateBytes() const override { return loaded_bytes_ + kStep * calls_; }

 private:
  Notification* const gate_;
  const int64_t loaded_bytes_;
  const std::vector<Method> methods_;
  int calls_ = 0;
};

class SequencesTest : public ::testing::Test {
 protected:
  SequencesTest() { SetLogLevel(LogLevel::kError); }
  ~SequencesTest() override {
    scheduler_.Stop();
    sequences_.Stop();
    version_ = nullptr;
  }
  void SetUp() override { version_ = Version("1.0"); }

  VersionHandle Version(const std::string& name, Notification* gate = nullptr, int64_t loaded_bytes = 0) {
    auto version = std::make_unique<ServedVersion>();
    version->model = "counter";
    version->version = name;
    version->executable = std::make_unique<CountingExecutable>(gate, loaded_bytes);
    InstanceGroupOptions options;
    options.instances = 2;
    version->instances = scheduler_.NewGroup(version->executable.get(), options);
    return reaper_.MakeHandle(std::move(version));
  }
  static SequenceStep Step(const std::string& id, bool start = false, bool end = false) {
    return {.model = "counter", .id = id, .start = start, .end = end};
  }
  // What the call was answered; the sequence's own count.
  int64_t Ask(const SequenceStep& step) {
    TestCall& call = calls_.emplace_back();
    const absl::Status submitted = sequences_.Submit(step, version_, &call);
    EXPECT_OK(submitted);
    if (!submitted.ok()) return -1;
    const absl::StatusOr<Value>& value = call.outcome().value;
    EXPECT_OK(value.status());
    call.turn = nullptr;
    return value.ok() ? *value->get_if<int64_t>() : -1;
  }

  ManualClock clock_;
  RequestScheduler scheduler_{&clock_, nullptr};
  Reaper reaper_{nullptr};
  Sequences sequences_{&clock_,
                       {.max_sequences = 2,
                        .max_waiting = 2,
                        .max_waiting_bytes = 10'000,
                        .max_bytes = 5 * kStep,
                        .idle = absl::Seconds(60)}};
  VersionHandle version_;
  std::deque<TestCall> calls_;
};

TEST_F(SequencesTest, EachKeepsAStateOfItsOwn) {
  EXPECT_EQ(Ask(Step("a", /*start=*/true)), 1);
  EXPECT_EQ(Ask(Step("a")), 2);
  EXPECT_EQ(Ask(Step("b", /*start=*/true)), 1);
  EXPECT_EQ(Ask(Step("a")), 3);
  EXPECT_EQ(Ask(Step("a", /*start=*/true)), 1) << "begun anew";
  EXPECT_EQ(Ask(Step("a", false, /*end=*/true)), 2);
  EXPECT_EQ(sequences_.open(), 1u);
}

TEST_F(SequencesTest, WhatWasNotBegunIsRefused) {
  TestCall call;
  const auto not_begun = StatusIs(
      absl::StatusCode::kFailedPrecondition,
      AllOf(HasSubstr("sequence \"a\" of model \"counter\" was not begun"), HasSubstr("sequence_start")));
  EXPECT_THAT(sequences_.Submit(Step("a"), version_, &call), not_begun);
  EXPECT_THAT(sequences_.Find(Step("a")), not_begun);
  EXPECT_EQ(Ask(Step("a", /*start=*/true, /*end=*/true)), 1);
  EXPECT_THAT(sequences_.Submit(Step("a"), version_, &call), not_begun);
}

// Refused at once, and submitted again before its turn ends.
class RefusedAgain final : public QueuedCall {
 public:
  RefusedAgain(Sequences* sequences, SequenceStep step, VersionHandle version, int times)
      : sequences_(sequences), step_(std::move(step)), version_(std::move(version)), left_(times) {}
  bool Cancelled() const override { return true; }
  void Begin() override {}
  void Answer(CallOutcome) override {
    const std::shared_ptr<void> ends_here = std::move(turn);
    if (--left_ == 0) return;
    EXPECT_OK(sequences_->Submit(step_, version_, this));
  }
  int left() const { return left_; }

 private:
  Sequences* const sequences_;
  const SequenceStep step_;
  const VersionHandle version_;
  int left_;
};

// The stack was as deep as calls were refused one after the other.
TEST_F(SequencesTest, ManyThatAreRefusedInTurnDoNotOverflowTheStack) {
  Ask(Step("a", /*start=*/true));
  RefusedAgain call(&sequences_, Step("a"), version_, 200'000);
  EXPECT_OK(sequences_.Submit(Step("a"), version_, &call));
  EXPECT_EQ(call.left(), 0);
  EXPECT_EQ(Ask(Step("a")), 2);
}

TEST_F(SequencesTest, ASequenceStaysOnItsVersion) {
  Ask(Step("a", /*start=*/true));
  const VersionHandle before = version_;
  version_ = Version("2.0");
  EXPECT_EQ(Ask(Step("a")), 2);
  ASSERT_OK_AND_ASSIGN(const VersionHandle found, sequences_.Find(Step("a")));
  EXPECT_EQ(found, before);
}

TEST_F(SequencesTest, RequestsRunOneAfterTheOther) {
  Notification gate;
  version_ = Version("1.0", &gate);
  std::deque<TestCall> calls(4);
  ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true), version_, &calls[0]));
  ASSERT_OK(sequences_.Submit(Step("a"), version_, &calls[1]));
  ASSERT_OK(sequences_.Submit(Step("a"), version_, &calls[2]));
  EXPECT_THAT(sequences_.Submit(Step("a", false, /*end=*/true), version_, &calls[3]),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("2 requests of sequence \"a\" wait")));
  gate.Notify();
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(*calls[static_cast<size_t>(i)].outcome().value->get_if<int64_t>(), i + 1);
    calls[static_cast<size_t>(i)].turn = nullptr;
  }
  EXPECT_EQ(sequences_.open(), 1u) << "an end that is refused is none";
}

TEST_F(SequencesTest, WhatWaitsMayTakeSoMuchMemoryTogether) {
  Notification gate;
  version_ = Version("1.0", &gate);
  std::deque<TestCall> calls(5);
  for (TestCall& call : calls) call.bytes = 6000;
  ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true), version_, &calls[0]));
  ASSERT_OK(sequences_.Submit(Step("b", /*start=*/true), version_, &calls[1]));
  ASSERT_OK(sequences_.Submit(Step("a"), version_, &calls[2]));
  EXPECT_THAT(sequences_.Submit(Step("b"), version_, &calls[3]),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("raise --max-queue-mib")));
  gate.Notify();
  for (size_t i : {0u, 1u, 2u}) {
    EXPECT_OK(calls[i].outcome().value.status());
    calls[i].turn = nullptr;
  }
  EXPECT_OK(sequences_.Submit(Step("b"), version_, &calls[4]));
  EXPECT_OK(calls[4].outcome().value.status());
  calls[4].turn = nullptr;
}

TEST_F(SequencesTest, TooManyAreRefused) {
  Ask(Step("a", /*start=*/true));
  Ask(Step("b", /*start=*/true));
  TestCall call;
  EXPECT_THAT(sequences_.Submit(Step("c", /*start=*/true), version_, &call),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("raise --max-sequences")));
  EXPECT_EQ(Ask(Step("b", /*start=*/true)), 1) << "in the place of another";
}

// Two open sequences, of which one has grown to more than both may take.
class GrownSequenceTest : public SequencesTest {
 protected:
  void SetUp() override {
    SequencesTest::SetUp();
    Ask(Step("small", /*start=*/true));
    Ask(Step("large", /*start=*/true));
    for (int call = 0; call < 4; ++call) Ask(Step("large"));
    ASSERT_EQ(sequences_.bytes(), 6 * kStep);
  }
  absl::Status AskRefused(const SequenceStep& step) {
    TestCall& call = calls_.emplace_back();
    EXPECT_OK(sequences_.Submit(step, version_, &call));
    return call.outcome().value.status();
  }
};

TEST_F(GrownSequenceTest, ItIsHeldUpAndTheOtherIsNot) {
  EXPECT_THAT(
      AskRefused(Step("large")),
      StatusIs(absl::StatusCode::kResourceExhausted,
               AllOf(HasSubstr("sequence \"large\" has grown to 5.0 MB"), HasSubstr("all open ones, 2,"),
                     HasSubstr("limit 5.0 MB"), HasSubstr("--max-sequences-mib"))));
  EXPECT_EQ(Ask(Step("small")), 2);
  EXPECT_EQ(sequences_.bytes(), 7 * kStep);
}

TEST_F(GrownSequenceTest, ItsLastRequestIsTakenAndMakesRoom) {
  EXPECT_EQ(Ask(Step("large", false, /*end=*/true)), 6);
  EXPECT_EQ(sequences_.bytes(), kStep);
  EXPECT_EQ(Ask(Step("small")), 2);
}

TEST_F(GrownSequenceTest, AnotherEndsAndItGoesOn) {
  Ask(Step("small", false, /*end=*/true));
  EXPECT_EQ(sequences_.bytes(), 5 * kStep);
  EXPECT_EQ(Ask(Step("large")), 6) << "nothing was lost";
}

TEST_F(GrownSequenceTest, ItMayBeginAnew) {
  EXPECT_EQ(Ask(Step("large", /*start=*/true)), 1);
  EXPECT_EQ(sequences_.bytes(), 2 * kStep);
}

TEST_F(GrownSequenceTest, WhatIsRefusedDoesNotKeepItOpenAndTheOtherStays) {
  clock_.Advance(absl::Seconds(59));
  (void)AskRefused(Step("large"));
  Ask(Step("small"));
  clock_.Advance(absl::Seconds(1));
  sequences_.GiveUpIdle();
  EXPECT_EQ(sequences_.open(), 1u);
  EXPECT_EQ(sequences_.bytes(), 2 * kStep);
  EXPECT_EQ(Ask(Step("small")), 3);
}

// What waits was let in before the state had grown.
TEST_F(SequencesTest, AGrownStateHoldsUpWhatWaitsAlready) {
  Notification gate;
  Ask(Step("b", /*start=*/true));
  version_ = Version("1.0", &gate, 4 * kStep);
  std::deque<TestCall> calls(3);
  ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true), version_, &calls[0]));
  ASSERT_OK(sequences_.Submit(Step("a"), version_, &calls[1]));
  ASSERT_OK(sequences_.Submit(Step("a"), version_, &calls[2]));
  gate.Notify();
  EXPECT_OK(calls[0].outcome().value.status());
  calls[0].turn = nullptr;
  for (size_t i : {1u, 2u}) {
    EXPECT_THAT(calls[i].outcome().value,
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("has grown to 5.0 MB")));
  }
}

TEST_F(SequencesTest, AStateThatDoesNotFitIsNotBegun) {
  version_ = Version("1.0", nullptr, 3 * kStep);
  Ask(Step("a", /*start=*/true));
  TestCall call;
  EXPECT_THAT(sequences_.Submit(Step("b", /*start=*/true), version_, &call),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("takes 3.0 MB has no room beside the 1 that are open and take 4.0 MB"),
                             HasSubstr("limit 5.0 MB"), HasSubstr("raise --max-sequences-mib"))));
  EXPECT_EQ(sequences_.open(), 1u);
  EXPECT_EQ(sequences_.bytes(), 4 * kStep);
  EXPECT_EQ(Ask(Step("a", /*start=*/true)), 1) << "in the place of another";
  EXPECT_EQ(sequences_.bytes(), 4 * kStep);
}

// They counted nowhere, and took all memory.
TEST_F(SequencesTest, ThoseThatEndedOrWereReplacedCountUntilTheirRequestsAreAnswered) {
  for (const bool end : {false, true}) {
    Notification gate;
    version_ = Version("1.0", &gate, 2 * kStep);
    std::deque<TestCall> calls(3);
    ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true, end), version_, &calls[0]));
    ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true, end), version_, &calls[1]));
    EXPECT_EQ(sequences_.bytes(), 4 * kStep);
    EXPECT_THAT(sequences_.Submit(Step("a", /*start=*/true, end), version_, &calls[2]),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("2 sequences are open")));
    gate.Notify();
    for (size_t i : {0u, 1u}) {
      EXPECT_OK(calls[i].outcome().value.status());
      calls[i].turn = nullptr;
    }
    EXPECT_EQ(sequences_.bytes(), end ? 0 : 3 * kStep);
    if (!end) Ask(Step("a", false, /*end=*/true));
  }
  EXPECT_EQ(sequences_.bytes(), 0);
}

TEST_F(SequencesTest, OneAloneMayBeLargerThanTheLimit) {
  version_ = Version("1.0", nullptr, 9 * kStep);
  EXPECT_EQ(Ask(Step("a", /*start=*/true)), 1);
  EXPECT_EQ(sequences_.bytes(), 10 * kStep);
}

TEST_F(SequencesTest, AnIdleSequenceIsGivenUpAndItsVersionLetGo) {
  Ask(Step("a", /*start=*/true));
  const std::weak_ptr<const ServedVersion> version = version_;
  version_ = Version("2.0");
  clock_.Advance(absl::Seconds(59));
  sequences_.GiveUpIdle();
  EXPECT_EQ(sequences_.open(), 1u);
  EXPECT_FALSE(version.expired());
  clock_.Advance(absl::Seconds(1));
  sequences_.GiveUpIdle();
  EXPECT_EQ(sequences_.open(), 0u);
  EXPECT_TRUE(version.expired());
}

TEST_F(SequencesTest, ABusySequenceIsNotIdle) {
  Notification gate;
  version_ = Version("1.0", &gate);
  TestCall call;
  ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true), version_, &call));
  clock_.Advance(absl::Hours(1));
  sequences_.GiveUpIdle();
  EXPECT_EQ(sequences_.open(), 1u);
  gate.Notify();
  (void)call.outcome();
  call.turn = nullptr;
}

TEST_F(SequencesTest, AnEndWhileOthersWaitLetsThemRun) {
  Notification gate;
  version_ = Version("1.0", &gate);
  std::deque<TestCall> calls(2);
  ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true), version_, &calls[0]));
  ASSERT_OK(sequences_.Submit(Step("a", false, /*end=*/true), version_, &calls[1]));
  EXPECT_EQ(sequences_.open(), 0u);
  gate.Notify();
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_EQ(*calls[static_cast<size_t>(i)].outcome().value->get_if<int64_t>(), i + 1);
    calls[static_cast<size_t>(i)].turn = nullptr;
  }
}

// Whose last request was answered could send another one before its turn had ended, and it was taken.
TEST_F(SequencesTest, AfterTheLastRequestNoneIsTakenThoughItsTurnHasNotEnded) {
  TestCall last, another;
  ASSERT_OK(sequences_.Submit(Step("a", /*start=*/true, /*end=*/true), version_, &last));
  EXPECT_OK(last.outcome().value.status());
  EXPECT_THAT(sequences_.Submit(Step("a"), version_, &another),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sequence_start")));
  last.turn = nullptr;
}

}  // namespace
}  // namespace modeld
