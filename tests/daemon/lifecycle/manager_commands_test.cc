// What people ask for: rollback, promote, pin, unpin, retire.
#include <thread>

#include "daemon/lifecycle/manager.h"
#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class ManagerCommandsTest : public ManagerTest {
 protected:
  // 1.0, 1.1 and 1.2, of which 1.2 is live, 1.1 warm and 1.0 not in memory.
  void DeployThree() {
    for (const char* version : {"1.0", "1.1", "1.2"}) Deploy(version);
  }

  using TimedCommand = absl::StatusOr<LiveChange> (Manager::*)(const Command&, absl::Duration);
  void RetireWhileWaiting(TimedCommand command) {
    DeployThree();
    loader_.Block("digits/1.0");
    std::thread waiting([&] {
      EXPECT_THAT(
          (manager_.get()->*command)(By("1.0"), kLong),
          StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("was retired while it was loaded")));
    });
    loader_.AwaitLoads(4);
    ASSERT_OK(manager_->Retire(By("1.0")));
    loader_.Unblock("digits/1.0");
    waiting.join();
    Settle();
    EXPECT_EQ(Ask(), "1.2");
    EXPECT_EQ(State("1.0"), "retired");
    EXPECT_EQ(loader_.alive(), 2) << "what was loaded in vain is freed";
  }
};

TEST_F(ManagerCommandsTest, UnknownNamesAreNotFoundAndSayWhatExists) {
  DeployThree();
  Command unknown_model = By("1.0");
  unknown_model.model = "digit";
  const auto no_model = StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean \"digits\"?"));
  EXPECT_THAT(manager_->Promote(unknown_model, kLong), no_model);
  EXPECT_THAT(manager_->Pin(unknown_model, kLong), no_model);
  EXPECT_THAT(manager_->Rollback(unknown_model, kLong), no_model);
  EXPECT_THAT(manager_->Unpin(unknown_model, kLong), no_model);
  EXPECT_THAT(manager_->Retire(unknown_model), no_model);
  const auto no_version = StatusIs(absl::StatusCode::kNotFound,
                                   R"(model "digits" has no version "1.4"; registered: 1.2, 1.1, 1.0)");
  EXPECT_THAT(manager_->Promote(By("1.4"), kLong), no_version);
  EXPECT_THAT(manager_->Pin(By("1.4"), kLong), no_version);
  EXPECT_THAT(manager_->Rollback(By("1.4"), kLong), no_version);
  EXPECT_THAT(manager_->Retire(By("1.4")), no_version);
}

TEST_F(ManagerCommandsTest, RollbackToTheWarmVersionLoadsNothing) {
  DeployThree();
  const size_t loads = loader_.loads().size();
  ASSERT_OK_AND_ASSIGN(const LiveChange change, manager_->Rollback(By("", "wrong sevens"), kLong));
  EXPECT_EQ(change.from, "1.2");
  EXPECT_EQ(change.to, "1.1");
  EXPECT_EQ(change.pinned, "1.1");
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(Stored(), (LiveState{.history = {"1.0", "1.1"}, .pinned = "1.1", .pin_reason = "wrong sevens"}));
  EXPECT_THAT(Events(), Contains("ann rollback 1.1: 1.2 -> 1.1, wrong sevens"));
  Settle();
  EXPECT_EQ(loader_.loads().size(), loads + 1) << "only 1.0, which is previous now";
}

TEST_F(ManagerCommandsTest, RollbackAgainGoesFurtherBackThenNoFurther) {
  DeployThree();
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(manager_->Rollback(By(""), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("model \"digits\""), HasSubstr("no usable version was live before"))));
}

TEST_F(ManagerCommandsTest, RollbackToAVersionNotInMemoryLoadsItFirst) {
  DeployThree();
  EXPECT_FALSE(loader_.awaited("digits/1.0"));
  ASSERT_OK(manager_->Rollback(By("1.0"), kLong));
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_TRUE(loader_.awaited("digits/1.0"));
  EXPECT_THAT(manager_->Rollback(By("1.0"), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is live already")));
}

TEST_F(ManagerCommandsTest, WhoWaitsHurriesALoadThatIsHeldBack) {
  DeployThree();
  ASSERT_OK(manager_->Rollback(By("1.1"), kLong));
  EXPECT_EQ(loader_.hurried(), 0) << "nothing had to be loaded";
  Settle();
  loader_.Block("digits/1.3");
  ASSERT_OK(Register("1.3"));
  loader_.AwaitLoads(5);
  EXPECT_FALSE(loader_.awaited("digits/1.3"));
  EXPECT_THAT(manager_->Promote(By("1.3"), absl::Milliseconds(5)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("was not loaded in time")));
  EXPECT_EQ(loader_.hurried(), 1);
}

TEST_F(ManagerCommandsTest, NewVersionsArePreparedButNotMadeLiveWhilePinned) {
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  Deploy("1.2");
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.2"), "ready");
  EXPECT_EQ(Ask({.model = "digits", .version = "1.2"}), "1.2");
}

TEST_F(ManagerCommandsTest, UnpinMovesToTheHighestAtOnceWhereItIsReady) {
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  ASSERT_OK_AND_ASSIGN(const LiveChange change, manager_->Unpin(By("", "fixed"), kLong));
  EXPECT_EQ(change.from, "1.0");
  EXPECT_EQ(change.to, "1.1");
  EXPECT_EQ(change.pinned, "");
  EXPECT_EQ(Ask(), "1.1");
  const std::vector<std::string> events = Events();
  EXPECT_THAT(std::vector(events.end() - 2, events.end()),
              ElementsAre("ann unpin 1.0: 1.0 -> 1.0, fixed",
                          "daemon published 1.1: 1.0 -> 1.1, highest good version"));
}

TEST_F(ManagerCommandsTest, UnpinReturnsAtOnceWhereTheHighestIsStillLoading) {
  Deploy("1.0");
  ASSERT_OK(manager_->Pin(By(""), kLong));
  loader_.Block("digits/1.1");
  ASSERT_OK(Register("1.1"));
  ASSERT_OK_AND_ASSIGN(const LiveChange change, manager_->Unpin(By(""), kLong));
  EXPECT_EQ(change.to, "1.0");
  EXPECT_EQ(change.pinned, "");
  loader_.Unblock("digits/1.1");
  Settle();
  EXPECT_EQ(Ask(), "1.1");
}

TEST_F(ManagerCommandsTest, UnpinWithoutAPinRecordsNothing) {
  Deploy("1.0");
  const std::vector<std::string> before = Events();
  ASSERT_OK_AND_ASSIGN(const LiveChange change, manager_->Unpin(By(""), kLong));
  EXPECT_EQ(change.to, "1.0");
  EXPECT_EQ(Events(), before);
}

TEST_F(ManagerCommandsTest, PromoteOfAnOlderVersionPinsIt) {
  DeployThree();
  ASSERT_OK_AND_ASSIGN(const LiveChange change, manager_->Promote(By("1.0"), kLong));
  EXPECT_EQ(change.to, "1.0");
  EXPECT_EQ(change.pinned, "1.0");
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerCommandsTest, PromoteOfTheHighestUnpins) {
  DeployThree();
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  ASSERT_OK_AND_ASSIGN(const LiveChange change, manager_->Promote(By("1.2"), kLong));
  EXPECT_EQ(change.pinned, "");
  Deploy("1.3");
  EXPECT_EQ(Ask(), "1.3");
}

TEST_F(ManagerCommandsTest, PromoteNeedsAVersion) {
  Deploy("1.0");
  EXPECT_THAT(manager_->Promote(By(""), kLong),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("promote needs the version")));
}

TEST_F(ManagerCommandsTest, PinHoldsTheLiveVersion) {
  Deploy("1.0");
  ASSERT_OK_AND_ASSIGN(const LiveChange change, manager_->Pin(By("", "release freeze"), kLong));
  EXPECT_EQ(change.pinned, "1.0");
  Deploy("1.1");
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(View().pin_reason, "release freeze");
}

TEST_F(ManagerCommandsTest, PinWithoutALiveVersionIsRefused) {
  loader_.Fail("digits/1.0", absl::InvalidArgumentError("bad magic"));
  Deploy("1.0");
  EXPECT_THAT(manager_->Pin(By(""), kLong), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                     HasSubstr("no live version to pin; name one of: 1.0")));
}

TEST_F(ManagerCommandsTest, TimeoutChangesNothing) {
  DeployThree();
  const std::vector<std::string> before = Events();
  const LiveState stored = Stored();
  loader_.Block("digits/1.0");
  for (auto command : {&Manager::Promote, &Manager::Pin, &Manager::Rollback}) {
    EXPECT_THAT(
        (manager_.get()->*command)(By("1.0"), absl::Milliseconds(5)),
        StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("was not loaded in time; nothing changed")));
  }
  loader_.Unblock("digits/1.0");
  Settle();
  EXPECT_EQ(Ask(), "1.2");
  EXPECT_EQ(Events(), before);
  EXPECT_EQ(Stored(), stored);
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.2", "1.1")) << "what nobody waits for is let go again";
  EXPECT_EQ(loader_.alive(), 2);
}

TEST_F(ManagerCommandsTest, OtherCommandsAreNotHeldUpByOneThatWaits) {
  DeployThree();
  loader_.Block("digits/1.0");
  std::thread waiting([&] { EXPECT_OK(manager_->Promote(By("1.0"), kLong)); });
  loader_.AwaitLoads(4);
  ASSERT_OK(manager_->Rollback(By("1.1"), kLong));
  EXPECT_EQ(Ask(), "1.1");
  loader_.Unblock("digits/1.0");
  waiting.join();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(Stored().history, (std::vector<std::string>{"1.0", "1.1", "1.0"}))
      << "it began where live was by then";
}

TEST_F(ManagerCommandsTest, RollbackWithoutATargetWaitsForThePreviousVersionToLoad) {
  DeployThree();
  loader_.Block("digits/1.0");
  ASSERT_OK(manager_->Retire(By("1.1")));
  loader_.AwaitLoads(4);
  std::thread waiting([&] {
    absl::StatusOr<LiveChange> change = manager_->Rollback(By(""), kLong);
    ASSERT_OK(change);
    EXPECT_EQ(change->to, "1.0");
  });
  EXPECT_EQ(Ask(), "1.2");
  loader_.Unblock("digits/1.0");
  waiting.join();
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerCommandsTest, PromoteOfAVersionRetiredWhileItWasLoadedIsRefused) {
  RetireWhileWaiting(&Manager::Promote);
}
TEST_F(ManagerCommandsTest, RollbackToAVersionRetiredWhileItWasLoadedIsRefused) {
  RetireWhileWaiting(&Manager::Rollback);
}

TEST_F(ManagerCommandsTest, PromoteOfAQuarantinedVersionReinstatesItIfItLoads) {
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_EQ(State("1.1"), "quarantined");
  loader_.Fail("digits/1.1", absl::OkStatus());
  ASSERT_OK(manager_->Promote(By("1.1", "engine updated"), kLong));
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(State("1.1"), "ready");
  const std::vector<std::string> events = Events();
  EXPECT_THAT(
      std::vector(events.end() - 2, events.end()),
      ElementsAre("ann reinstated 1.1, engine updated", "ann promote 1.1: 1.0 -> 1.1, engine updated"));
}

TEST_F(ManagerCommandsTest, PromoteOfAQuarantinedVersionThatFailsAgainKeepsItThereWithTheNewReason) {
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Deploy("1.0");
  Deploy("1.1");
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("unknown operator"));
  EXPECT_THAT(manager_->Promote(By("1.1"), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       R"(version "1.1" of model "digits" cannot be loaded: unknown operator)"));
  Settle();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.1"), "quarantined");
  EXPECT_EQ(VersionOf("1.1").reason, "unknown operator");
  EXPECT_EQ(Stored().history, std::vector<std::string>{"1.0"});
  EXPECT_THAT(Events(), Not(Contains(HasSubstr("reinstated"))));
}

TEST_F(ManagerCommandsTest, PromoteBringsARetiredVersionBack) {
  DeployThree();
  ASSERT_OK(manager_->Retire(By("1.1", "too slow")));
  EXPECT_EQ(VersionOf("1.1").reason, "too slow");
  ASSERT_OK(manager_->Promote(By("1.1"), kLong));
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_THAT(Events(), Contains("ann reinstated 1.1, because"));
}

TEST_F(ManagerCommandsTest, ARetiredVersionThatDoesNotLoadStaysRetired) {
  DeployThree();
  ASSERT_OK(manager_->Retire(By("1.0", "too slow")));
  for (const absl::Status& failure :
       {absl::InvalidArgumentError("bad magic"), absl::ResourceExhaustedError("no memory")}) {
    loader_.Fail("digits/1.0", failure);
    EXPECT_THAT(manager_->Promote(By("1.0"), kLong),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(std::string(failure.message()))));
    EXPECT_EQ(State("1.0"), "retired");
    EXPECT_EQ(VersionOf("1.0").reason, "too slow");
  }
  EXPECT_EQ(Ask(), "1.2");
}

TEST_F(ManagerCommandsTest, RetireUnloadsAndNeverServesAgain) {
  DeployThree();
  ASSERT_OK(manager_->Retire(By("1.1", "too slow")));
  Settle();
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.2", "1.0")) << "1.0 is previous now";
  EXPECT_EQ(
      Ask({.model = "digits", .version = "1.1"}),
      "version \"1.1\" of model \"digits\" is retired; bring it back with: modelctl promote digits 1.1");
  EXPECT_THAT(Events(), Contains("ann retire 1.1, too slow"));
  EXPECT_THAT(manager_->Rollback(By("1.1"), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("retired")));
  EXPECT_THAT(Register("1.1"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       EndsWith("is retired; bring it back with: modelctl promote digits 1.1")));
}

TEST_F(ManagerCommandsTest, RetireTwiceRecordsItOnce) {
  DeployThree();
  ASSERT_OK(manager_->Retire(By("1.0")));
  const std::vector<std::string> before = Events();
  EXPECT_OK(manager_->Retire(By("1.0")));
  EXPECT_EQ(Events(), before);
}

TEST_F(ManagerCommandsTest, LiveAndPinnedVersionsCannotBeRetired) {
  Deploy("1.0");
  EXPECT_THAT(manager_->Retire(By("1.0")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("is live"), HasSubstr("modelctl promote or rollback"))));
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Deploy("1.1");
  ASSERT_OK(manager_->Retire(By("1.1"))) << "quarantined, neither live nor pinned";
}

TEST_F(ManagerCommandsTest, APinnedVersionThatIsQuarantinedCannotBeRetired) {
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Pin(By("1.1"), kLong));
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Restart();
  ASSERT_TRUE(manager_->WaitReady(kLong));
  Settle();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(manager_->Retire(By("1.1")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("is pinned"), HasSubstr("modelctl unpin digits"))));
}

TEST_F(ManagerCommandsTest, StopEndsCommandsThatWait) {
  DeployThree();
  loader_.Block("digits/1.0");
  std::thread waiting([&] {
    EXPECT_THAT(manager_->Promote(By("1.0"), kLong),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  });
  loader_.AwaitLoads(4);
  manager_->Stop();
  waiting.join();
  EXPECT_EQ(Ask(), "1.2") << "what is ready stays served";
  loader_.Unblock("digits/1.0");
}

}  // namespace
}  // namespace modeld
