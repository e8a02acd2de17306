// What a start does with what the registry holds.
#include "daemon/lifecycle/manager.h"
#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ManagerRestartTest : public ManagerTest {
 protected:
  // Loads begun since the restart.
  std::vector<std::string> LoadsSince(size_t before) {
    const std::vector<std::string> loads = loader_.loads();
    return {loads.begin() + before, loads.end()};
  }
  void RestartAndSettle() {
    Restart();
    ASSERT_TRUE(manager_->WaitReady(kLong));
    Settle();
  }
};

TEST_F(ManagerRestartTest, LiveAndPreviousAreLoadedAgainLiveFirst) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Deploy(version);
  const size_t before = loader_.loads().size();
  const std::vector<std::string> events = Events();
  RestartAndSettle();
  EXPECT_EQ(Ask(), "1.2");
  EXPECT_EQ(Ask({.model = "digits", .label = "previous"}), "1.1");
  EXPECT_THAT(LoadsSince(before), ElementsAre("digits/1.2", "digits/1.1"));
  EXPECT_TRUE(loader_.awaited("digits/1.2"));
  EXPECT_FALSE(loader_.awaited("digits/1.1")) << "what was live serves by then";
  EXPECT_EQ(Events(), events) << "a restart decides nothing";
}

TEST_F(ManagerRestartTest, LiveVersionsOfAllModelsAreLoadedBeforeAnythingElse) {
  for (const char* model : {"a", "b", "c"}) {
    Deploy("1", model);
    Deploy("2", model);
  }
  const size_t before = loader_.loads().size();
  RestartAndSettle();
  EXPECT_THAT(LoadsSince(before), ElementsAre("a/2", "b/2", "c/2", "a/1", "b/1", "c/1"));
}

TEST_F(ManagerRestartTest, ARollbackHoldsAcrossARestart) {
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Rollback(By("", "wrong sevens"), kLong));
  const size_t before = loader_.loads().size();
  RestartAndSettle();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(View().pinned, "1.0");
  EXPECT_EQ(View().pin_reason, "wrong sevens");
  EXPECT_THAT(LoadsSince(before), ElementsAre("digits/1.0", "digits/1.1"));
  EXPECT_EQ(State("1.1"), "ready") << "prepared, not live";
}

TEST_F(ManagerRestartTest, NotReadyUntilWhatWasLiveIsLoaded) {
  Deploy("1.0");
  loader_.Block("digits/1.0");
  Restart();
  EXPECT_FALSE(manager_->ready());
  EXPECT_FALSE(manager_->WaitReady(absl::Milliseconds(1)));
  loader_.AwaitLoads(2);
  EXPECT_EQ(Ask(),
            "model \"digits\" has no live version: version \"1.0\" of model \"digits\" is loading; try again "
            "shortly");
  EXPECT_EQ(View().live, "");
  loader_.Unblock("digits/1.0");
  EXPECT_TRUE(manager_->WaitReady(kLong));
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerRestartTest, ReadyDoesNotWaitForAVersionThatWasNeverLive) {
  loader_.Block("digits/1.0");
  ASSERT_OK(Register("1.0"));
  loader_.AwaitLoads(1);
  manager_->Stop();
  loader_.Fail("digits/1.0", absl::CancelledError("the process ended"));
  loader_.Unblock("digits/1.0");
  manager_.reset();
  loader_.Fail("digits/1.0", absl::OkStatus());
  Restart();
  EXPECT_TRUE(manager_->ready());
  Settle();
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerRestartTest, ALiveVersionThatIsBrokenNowFallsBackBeforeReady) {
  Deploy("1.0");
  Deploy("1.1");
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Restart();
  ASSERT_TRUE(manager_->WaitReady(kLong));
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.1"), "quarantined");
  EXPECT_THAT(Events(), Contains("daemon published 1.0: 1.1 -> 1.0, highest good version"));
}

TEST_F(ManagerRestartTest, ALiveVersionThatCannotBeLoadedNowFallsBackUntilItCan) {
  Deploy("1.0");
  Deploy("1.1");
  loader_.Fail("digits/1.1", absl::ResourceExhaustedError("no memory"));
  Restart();
  ASSERT_TRUE(manager_->WaitReady(kLong));
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.1"), "available");
  EXPECT_THAT(Events(), Contains("daemon published 1.0: 1.1 -> 1.0, 1.1 cannot be served"));
  loader_.Fail("digits/1.1", absl::OkStatus());
  clock_.Advance(LoadBackOff(1));
  manager_->Poke();
  Settle();
  EXPECT_EQ(Ask(), "1.1");
}

TEST_F(ManagerRestartTest, APinnedVersionThatCannotBeLoadedNowIsWaitedFor) {
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  loader_.Fail("digits/1.0", absl::ResourceExhaustedError("no memory"));
  RestartAndSettle();
  EXPECT_THAT(Ask(), HasSubstr("version \"1.0\" of model \"digits\" could not be loaded: no memory"));
  EXPECT_EQ(State("1.1"), "ready") << "not made live: a person rolled back from it";
  loader_.Fail("digits/1.0", absl::OkStatus());
  clock_.Advance(LoadBackOff(1));
  manager_->Poke();
  Settle();
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerRestartTest, ReadyThoughNothingCanBeServed) {
  Deploy("1.0");
  Deploy("1", "faces");
  loader_.Fail("digits/1.0", absl::NotFoundError("artifact is missing"));
  loader_.Fail("faces/1", absl::InvalidArgumentError("bad magic"));
  Restart();
  EXPECT_TRUE(manager_->WaitReady(kLong));
  EXPECT_THAT(Ask(), HasSubstr("artifact is missing"));
  EXPECT_THAT(Ask({.model = "faces"}), HasSubstr("is quarantined: bad magic"));
}

TEST_F(ManagerRestartTest, AVersionRegisteredButNotYetPublishedGoesLiveAfterTheRestart) {
  Deploy("1.0");
  loader_.Block("digits/1.1");
  ASSERT_OK(Register("1.1"));
  loader_.AwaitLoads(2);
  manager_->Stop();
  loader_.Fail("digits/1.1", absl::CancelledError("the process ended"));
  loader_.Unblock("digits/1.1");
  manager_.reset();
  loader_.Fail("digits/1.1", absl::OkStatus());
  RestartAndSettle();
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(Stored().history, (std::vector<std::string>{"1.0", "1.1"}));
}

TEST_F(ManagerRestartTest, QuarantinedAndRetiredStaySo) {
  Deploy("1.0");
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Deploy("1.1");
  Deploy("0.9");
  ASSERT_OK(manager_->Retire(By("0.9", "too old")));
  const size_t before = loader_.loads().size();
  RestartAndSettle();
  EXPECT_THAT(LoadsSince(before), ElementsAre("digits/1.0"));
  EXPECT_EQ(State("1.1"), "quarantined");
  EXPECT_EQ(VersionOf("1.1").reason, "bad magic");
  EXPECT_EQ(State("0.9"), "retired");
}

TEST_F(ManagerRestartTest, EveryModelIsKnownAtOnce) {
  for (const char* model : {"a", "b"}) Deploy("1", model);
  loader_.Block("a/1");
  Restart();
  EXPECT_THAT(Ask({.model = "b"}), HasSubstr("version \"1\" of model \"b\" is"));
  EXPECT_EQ(manager_->ListModels("", 10).size(), 2u);
}

TEST_F(ManagerRestartTest, AnnouncesThatNothingServesYetAndThenWhatServesAgain) {
  Deploy("1", "a");
  Deploy("1", "b");
  loader_.Fail("b/1", absl::InvalidArgumentError("bad magic"));
  RestartAndSettle();
  manager_.reset();
  EXPECT_THAT(Announced(),
              ElementsAre("a serves", "b serves", "a does not serve", "b does not serve", "a serves"));
}

}  // namespace
}  // namespace modeld
