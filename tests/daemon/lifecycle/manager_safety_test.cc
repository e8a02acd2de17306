// Memory admission, watches and releases.
#include <gmock/gmock.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ManagerWatchTest : public ManagerTest {
 protected:
  void Guarded(const std::string& version) {
    GuardLimits limits;
    limits.watch = absl::Minutes(5);
    limits.min_requests = 10;
    loader_.Guard("digits/" + version, limits);
  }
  void DeployGuarded(const std::string& version) {
    Guarded(version);
    Deploy(version);
  }
  // Requests to the version, of which so many fail by its fault.
  void Requests(const std::string& version, int requests, int errors) {
    const absl::StatusOr<VersionHandle> handle = table_.Resolve({.model = "digits", .version = version});
    ASSERT_OK(handle);
    for (int i = 0; i < requests; ++i) {
      (*handle)->stats.Record({.code = i < errors ? absl::StatusCode::kInternal : absl::StatusCode::kOk,
                               .nanoseconds = 1000,
                               .looked_for_nan = false,
                               .not_a_number = false,
                               .huge_inputs = false});
    }
  }
};

TEST_F(ManagerWatchTest, LiveGoesBackWhereItFailsMoreOftenAndStaysThere) {
  DeployGuarded("1.0");
  Requests("1.0", 100, 1);
  DeployGuarded("1.1");
  ASSERT_TRUE(View().watch.has_value());
  EXPECT_EQ(View().watch->version, "1.1");
  EXPECT_EQ(View().watch->previous, "1.0");
  Requests("1.1", 100, 50);
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(View().pinned, "1.0");
  EXPECT_FALSE(View().watch.has_value());
  EXPECT_THAT(Events().back(), HasSubstr("daemon auto_rollback 1.0: 1.1 -> 1.0, "));
  const auto events = registry_->ListEvents({.model = "", .limit = 1});
  EXPECT_THAT(events->front().evidence, HasSubstr("errors"));
  EXPECT_EQ(manager_->Metrics().counts.automatic_rollbacks, 1);

  Restart();
  Settle();
  EXPECT_EQ(Ask(), "1.0") << "until a person decides";
  Deploy("1.2");
  EXPECT_EQ(Ask(), "1.0");
  ASSERT_OK(manager_->Promote(By("1.2"), kLong));
  EXPECT_EQ(Ask(), "1.2");
}

TEST_F(ManagerWatchTest, AVersionThatDoesWellStays) {
  DeployGuarded("1.0");
  DeployGuarded("1.1");
  Requests("1.1", 1000, 0);
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.1");
  clock_.Advance(absl::Minutes(6));
  manager_->CheckWatches();
  EXPECT_FALSE(View().watch.has_value());
  EXPECT_THAT(Events().back(), HasSubstr("watch_passed 1.1"));
  Requests("1.1", 1000, 1000);
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.1") << "it is not watched any more";
}

TEST_F(ManagerWatchTest, AGoldenSampleThatComesOutOtherwiseInPlaceIsABreach) {
  DeployGuarded("1.0");
  Guarded("1.1");
  loader_.FailGolden("digits/1.1", absl::InvalidArgumentError("output \"y\" is 2, not 1"));
  ASSERT_OK(Register("1.1"));
  Settle();
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(Events().back(), HasSubstr("output \"y\" is 2, not 1"));
}

TEST_F(ManagerWatchTest, WithNothingToGoBackToItStays) {
  DeployGuarded("1.0");
  Requests("1.0", 100, 100);
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerWatchTest, ARollbackEndsTheWatchAndBeginsNone) {
  DeployGuarded("1.0");
  DeployGuarded("1.1");
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  EXPECT_FALSE(View().watch.has_value());
}

TEST_F(ManagerWatchTest, AVersionUnderWhichTheDaemonDiedTwiceIsLeftAtTheStart) {
  DeployGuarded("1.0");
  DeployGuarded("1.1");
  for (int death = 1; death <= 2; ++death) {
    EventRecord started;
    started.time = clock_.Now();
    started.actor = "daemon";
    started.action = action::kStarted;
    ASSERT_OK(registry_->RecordEvent(started));
    Restart();
    Settle();
    EXPECT_EQ(Ask(), death == 1 ? "1.1" : "1.0") << death;
  }
  EXPECT_THAT(Events(), Contains(HasSubstr("the daemon died 2 times since version \"1.1\" went live")));
  EXPECT_EQ(manager_->Metrics().counts.automatic_rollbacks, 1);
  EXPECT_EQ(View().pinned, "1.0");
}

TEST_F(ManagerWatchTest, ACanaryThatFailsIsEndedAndLiveStays) {
  DeployGuarded("1.0");
  ASSERT_OK(manager_->Pin(By("1.0"), kLong));
  DeployGuarded("1.1");
  ASSERT_OK(manager_->SetCanary(By("1.1"), 0.5, kLong));
  manager_->CheckWatches();  // begins to compare
  Requests("1.0", 100, 0);
  Requests("1.1", 100, 60);
  manager_->CheckWatches();
  ASSERT_FALSE(View().traffic.has_value());
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(Events().back(), HasSubstr("canary 1.1, off: "));
}

TEST_F(ManagerWatchTest, AWayBackThatWaitsLeavesLiveToWhomeverMovedItMeanwhile) {
  for (const char* version : {"0.9", "1.0"}) DeployGuarded(version);
  Requests("1.0", 100, 0);
  DeployGuarded("1.1");
  ASSERT_OK(manager_->Pin(By(""), kLong));
  DeployGuarded("1.2");  // in memory, for when the pin is gone
  // The one before, which has to be loaded first.
  loader_.Fail("digits/0.9", absl::UnavailableError("no memory"));
  ASSERT_OK(manager_->Retire(By("1.0")));
  Settle();
  loader_.Fail("digits/0.9", absl::OkStatus());
  loader_.Block("digits/0.9");
  Requests("1.1", 100, 50);
  const size_t loads = loader_.loads().size();
  std::thread watching([this] { manager_->CheckWatches(); });
  loader_.AwaitLoads(loads + 1);
  EXPECT_OK(manager_->Promote(By("1.2"), kLong));
  loader_.UnblockAll();
  watching.join();
  EXPECT_EQ(Ask(), "1.2") << "which has breached nothing";
}

class ManagerMemoryTest : public ManagerTest {
 protected:
  void SetUp() override {
    parts_.memory_budget_bytes = 30;  // each version takes 12: a quarter more than its 10 bytes
    ManagerTest::SetUp();
  }
  void RestartAs(MemoryPolicy policy, int64_t budget) {
    parts_.memory_policy = policy;
    parts_.memory_budget_bytes = budget;
    Restart();
    Settle();
  }
};

TEST_F(ManagerMemoryTest, TheVersionBeforeLiveGoesWhereThereIsNoRoomForTheNext) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Deploy(version);
  EXPECT_EQ(Ask(), "1.2");
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.2", "1.1"));
  EXPECT_EQ(loader_.alive(), 2);
}

TEST_F(ManagerMemoryTest, AvailabilityKeepsWhatServesAndSaysWhy) {
  RestartAs(MemoryPolicy::kAvailability, 20);
  Deploy("1.0");
  ASSERT_OK(Register("1.1"));
  Settle();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(VersionOf("1.1").reason, HasSubstr("not enough memory"));
  EXPECT_EQ(State("1.1"), "available");
  EXPECT_THAT(manager_->Promote(By("1.1"), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--memory-policy=resource")));
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerMemoryTest, ResourceUnloadsTheOldOneFirst) {
  RestartAs(MemoryPolicy::kResource, 20);
  Deploy("1.0");
  Deploy("1.1");
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.1"));
}

TEST_F(ManagerMemoryTest, WhereTheNewOneCannotBeLoadedTheOldOneComesBack) {
  RestartAs(MemoryPolicy::kResource, 20);
  Deploy("1.0");
  EXPECT_FALSE(loader_.awaited("digits/1.0"));
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  ASSERT_OK(Register("1.1"));
  Settle();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.1"), "quarantined");
  EXPECT_TRUE(loader_.awaited("digits/1.0")) << "nothing was served";
}

// It was tried again once a minute, each time in the place of what served.
TEST_F(ManagerMemoryTest, WhatFailsForAnotherReasonThanMemoryTakesThePlaceOfLiveOnce) {
  RestartAs(MemoryPolicy::kResource, 20);
  Deploy("1.0");
  loader_.Fail("digits/1.1", absl::FailedPreconditionError("no such operator"));
  ASSERT_OK(Register("1.1"));
  Settle();
  EXPECT_EQ(Ask(), "1.0");
  const size_t loads = loader_.loads().size();
  for (int retry = 0; retry < 5; ++retry) {
    clock_.Advance(absl::Minutes(2));
    Settle();
    EXPECT_EQ(Ask(), "1.0");
  }
  EXPECT_EQ(loader_.loads().size(), loads) << "there is no room for both";
  EXPECT_EQ(VersionOf("1.1").record.disposition, Disposition::kGood);

  loader_.Fail("digits/1.1", absl::OkStatus());
  ASSERT_OK(manager_->Promote(By("1.1"), kLong));
  EXPECT_EQ(Ask(), "1.1");
}

TEST_F(ManagerMemoryTest, AWatchedVersionGoesFirstWhereTheOneBeforeItComesBack) {
  RestartAs(MemoryPolicy::kResource, 20);
  GuardLimits limits;
  limits.watch = absl::Minutes(5);
  loader_.Guard("digits/1.1", limits);
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_THAT(ReadyVersions(), ElementsAre("1.1"));
  loader_.FailGolden("digits/1.1", absl::InvalidArgumentError("output \"y\" is 2, not 1"));
  clock_.Advance(absl::Minutes(1));
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(View().pinned, "1.0");
}

TEST_F(ManagerMemoryTest, WhatMadeRoomComesBackWhenItIsToBeLive) {
  RestartAs(MemoryPolicy::kResource, 30);
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  Deploy("1", "faces");
  ASSERT_THAT(ReadyVersions(), ElementsAre("1.0"));
  ASSERT_OK(manager_->Unpin(By(""), kLong));
  Settle();
  EXPECT_EQ(Ask(), "1.1");
}

TEST_F(ManagerMemoryTest, WhatWasRefusedIsLoadedWhenMemoryComesFree) {
  RestartAs(MemoryPolicy::kAvailability, 30);
  Deploy("1.0");
  Deploy("1.1");
  VersionHandle held = *table_.Resolve({.model = "digits", .version = "1.0"});
  ASSERT_OK(Register("1.2"));
  // 1.0 has to go for it, and does when the request that holds it is done.
  EXPECT_EQ(Ask(), "1.1");
  held.reset();
  Settle();
  EXPECT_EQ(Ask(), "1.2");
}

class ManagerReleaseTest : public ManagerTest {
 protected:
  NewVersion Member(const std::string& model, const std::string& version) {
    return {Record(version, 'a', model), kConfig, {}};
  }
  std::string Live(const std::string& model) { return Ask({.model = model}); }
};

TEST_F(ManagerReleaseTest, AllBecomeLiveTogether) {
  Deploy("1.0");
  Deploy("1", "faces");
  loader_.Block("faces/2");
  ASSERT_OK(manager_->RegisterRelease("week-48", {Member("digits", "1.1"), Member("faces", "2")}));
  loader_.AwaitLoads(4);
  EXPECT_EQ(Live("digits"), "1.0") << "it waits for the other one";
  EXPECT_THAT(manager_->ListReleases().at(0).waits_for, HasSubstr("model \"faces\""));
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(Live("digits"), "1.1");
  EXPECT_EQ(Live("faces"), "2");
  EXPECT_THAT(manager_->ListReleases(), IsEmpty());
  EXPECT_EQ(View().pinned, "");
  Restart();
  Settle();
  EXPECT_EQ(Live("digits"), "1.1");
  Deploy("1.2");
  EXPECT_EQ(Live("digits"), "1.2");
}

TEST_F(ManagerReleaseTest, OneThatIsRefusedRefusesAll) {
  Deploy("1.0");
  Deploy("1", "faces");
  loader_.Fail("faces/2", absl::InvalidArgumentError("bad magic"));
  ASSERT_OK(manager_->RegisterRelease("week-48", {Member("digits", "1.1"), Member("faces", "2")}));
  Settle();
  EXPECT_EQ(Live("digits"), "1.0");
  EXPECT_EQ(Live("faces"), "1");
  ASSERT_EQ(manager_->ListReleases().size(), 1u);
  EXPECT_EQ(manager_->ListReleases().at(0).record.state, ReleaseState::kRefused);
  EXPECT_THAT(manager_->ListReleases().at(0).record.reason, HasSubstr("bad magic"));
  Restart();
  Settle();
  EXPECT_EQ(Live("digits"), "1.0") << "held for good";
  ASSERT_OK(manager_->Promote(By("1.1"), kLong));
  EXPECT_EQ(Live("digits"), "1.1") << "but for a person";
}

TEST_F(ManagerReleaseTest, AConflictRegistersNothing) {
  Deploy("1.0");
  NewVersion other = Member("digits", "1.0");
  other.version.sha256 = std::string(64, 'b');
  EXPECT_THAT(manager_->RegisterRelease("week-48", {Member("faces", "2"), other}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("other bytes")));
  EXPECT_THAT(manager_->GetModel("faces"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("faces")));
}

TEST_F(ManagerReleaseTest, APinElsewhereIsWaitedFor) {
  Deploy("1.0");
  Deploy("1", "faces");
  ASSERT_OK(manager_->Pin(By("1.0"), kLong));
  ASSERT_OK(manager_->RegisterRelease("week-48", {Member("digits", "1.1"), Member("faces", "2")}));
  Settle();
  EXPECT_EQ(Live("faces"), "1");
  EXPECT_THAT(manager_->ListReleases().at(0).waits_for, HasSubstr("pinned to 1.0"));
  ASSERT_OK(manager_->Unpin(By(""), kLong));
  EXPECT_EQ(Live("digits"), "1.1");
  EXPECT_EQ(Live("faces"), "2");
}

TEST_F(ManagerReleaseTest, APendingReleaseThatWasReplacedNeverComesBack) {
  Deploy("1.0");
  Deploy("1", "faces");
  ASSERT_OK(manager_->Pin(By("1.0"), kLong));
  ASSERT_OK(manager_->RegisterRelease("week-48", {Member("digits", "1.1"), Member("faces", "2")}));
  Settle();
  ASSERT_OK(manager_->RegisterRelease("week-48", {Member("digits", "1.2"), Member("faces", "3")}));
  Settle();
  EXPECT_THAT(Events(), Contains(HasSubstr("a later release of the same name took its place")));
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.2", "1.0")) << "the replaced one's takes no memory";
  ASSERT_OK(manager_->Unpin(By(""), kLong));
  EXPECT_EQ(Live("digits"), "1.2");
  EXPECT_EQ(Live("faces"), "3");
  Restart();
  Settle();
  EXPECT_THAT(manager_->ListReleases(), IsEmpty());
  EXPECT_EQ(Live("digits"), "1.2");
  EXPECT_EQ(Live("faces"), "3");
  EXPECT_EQ(View().pinned, "");
}

TEST_F(ManagerReleaseTest, AVersionThatWasThereBeforeIsNotHeldByARefusedRelease) {
  Deploy("1.0");
  Deploy("1.1");
  loader_.Fail("faces/2", absl::InvalidArgumentError("bad magic"));
  ASSERT_OK(manager_->RegisterRelease("week-48", {Member("digits", "1.1"), Member("faces", "2")}));
  Settle();
  ASSERT_EQ(manager_->ListReleases().at(0).record.state, ReleaseState::kRefused);
  EXPECT_EQ(Live("digits"), "1.1");
  Restart();
  Settle();
  EXPECT_EQ(Live("digits"), "1.1");
}

TEST_F(ManagerReleaseTest, AReleaseThatCannotBeCommittedMovesNothing) {
  Deploy("1.0");
  Deploy("1", "faces");
  FailWrites("released");
  ASSERT_OK(manager_->RegisterRelease("week-48", {Member("digits", "1.1"), Member("faces", "2")}));
  Settle();
  EXPECT_EQ(Live("digits"), "1.0");
  EXPECT_EQ(Live("faces"), "1");
  AllowWrites("released");
  clock_.Advance(absl::Seconds(6));
  manager_->Poke();
  Settle();
  EXPECT_EQ(Live("digits"), "1.1");
  EXPECT_EQ(Live("faces"), "2");
}

}  // namespace
}  // namespace modeld
