// Versions that do not load, and a registry that cannot be written.
#include "daemon/lifecycle/manager.h"
#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ManagerTroubleTest : public ManagerTest {
 protected:
  void AdvanceAndSettle(absl::Duration by) {
    clock_.Advance(by);
    manager_->Poke();
    Settle();
  }
};

TEST_F(ManagerTroubleTest, ABrokenVersionIsQuarantinedAndLiveStays) {
  Deploy("1.0");
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Deploy("1.1");
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.1"), "quarantined");
  EXPECT_EQ(VersionOf("1.1").reason, "bad magic");
  EXPECT_EQ(Ask({.model = "digits", .version = "1.1"}),
            "version \"1.1\" of model \"digits\" is quarantined: bad magic");
  EXPECT_THAT(Events(), Contains("daemon quarantined 1.1, bad magic"));
  EXPECT_EQ(manager_->Counts().quarantined, 1);
}

TEST_F(ManagerTroubleTest, BehindABrokenVersionTheNextBestGoesLive) {
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  loader_.Block("digits/1.1");
  ASSERT_OK(Register("1.1"));
  ASSERT_OK(Register("1.0"));
  loader_.Unblock("digits/1.1");
  Settle();
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerTroubleTest, DroppingAQuarantinedVersionAgainTriesItAgain) {
  loader_.Fail("digits/1.0", absl::InvalidArgumentError("bad magic"));
  Deploy("1.0");
  loader_.Fail("digits/1.0", absl::OkStatus());
  Deploy("1.0");
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(Events(), ElementsAre("daemon registered 1.0", "daemon quarantined 1.0, bad magic",
                                    "daemon reinstated 1.0, dropped again",
                                    "daemon published 1.0:  -> 1.0, highest good version"));
}

TEST_F(ManagerTroubleTest, TheMachinesFaultLeavesTheVersionGoodAndIsTriedAgainWithBackOff) {
  Deploy("1.0");
  loader_.Fail("digits/1.1", absl::ResourceExhaustedError("no memory"));
  Deploy("1.1");
  EXPECT_EQ(State("1.1"), "available");
  EXPECT_EQ(VersionOf("1.1").reason, "no memory");
  EXPECT_EQ(VersionOf("1.1").record.disposition, Disposition::kGood);
  EXPECT_THAT(Ask({.model = "digits", .version = "1.1"}), HasSubstr("could not be loaded: no memory"));

  ASSERT_EQ(loader_.loads().size(), 2u);
  AdvanceAndSettle(LoadBackOff(1) - absl::Nanoseconds(1));
  EXPECT_EQ(loader_.loads().size(), 2u) << "not before its time";
  AdvanceAndSettle(absl::Nanoseconds(1));
  EXPECT_EQ(loader_.loads().size(), 3u);
  AdvanceAndSettle(LoadBackOff(1));
  EXPECT_EQ(loader_.loads().size(), 3u) << "the back-off doubles";
  loader_.Fail("digits/1.1", absl::OkStatus());
  AdvanceAndSettle(LoadBackOff(2) - LoadBackOff(1));
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(VersionOf("1.1").reason, "");
}

TEST_F(ManagerTroubleTest, OtherEventsDoNotShortenTheBackOff) {
  Deploy("1.0");
  loader_.Fail("digits/1.1", absl::ResourceExhaustedError("no memory"));
  Deploy("1.1");
  Deploy("0.9");
  Deploy("1", "faces");
  EXPECT_THAT(loader_.loads(), ElementsAre("digits/1.0", "digits/1.1", "faces/1"));
}

TEST_F(ManagerTroubleTest, ACommandDoesNotWaitForTheBackOff) {
  Deploy("1.0");
  loader_.Fail("digits/1.1", absl::ResourceExhaustedError("no memory"));
  Deploy("1.1");
  EXPECT_THAT(manager_->Promote(By("1.1"), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       R"(version "1.1" of model "digits" cannot be loaded: no memory)"));
  EXPECT_EQ(loader_.loads().size(), 3u) << "one try a command";
  loader_.Fail("digits/1.1", absl::OkStatus());
  ASSERT_OK(manager_->Promote(By("1.1"), kLong));
  EXPECT_EQ(Ask(), "1.1");
}

TEST_F(ManagerTroubleTest, ARollbackThatFailsToLoadChangesNothing) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Deploy(version);
  loader_.Fail("digits/1.0", absl::ResourceExhaustedError("no memory"));
  const std::vector<std::string> before = Events();
  EXPECT_THAT(manager_->Rollback(By("1.0"), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot be loaded: no memory")));
  EXPECT_EQ(Ask(), "1.2");
  EXPECT_EQ(Events(), before);
}

TEST_F(ManagerTroubleTest, AFullDiskRefusesARegistrationAndChangesNothing) {
  FailWrites("registered");
  EXPECT_THAT(Register("1.0"), Not(IsOk()));
  EXPECT_THAT(Ask(), HasSubstr("no model"));
  AllowWrites("registered");
  Deploy("1.0");
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerTroubleTest, AFullDiskHoldsLiveWhereItIsUntilItCanBeRecorded) {
  Deploy("1.0");
  FailWrites("published");
  Deploy("1.1");
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(View().live, "1.0");
  EXPECT_EQ(State("1.1"), "ready");
  EXPECT_EQ(Stored().history, std::vector<std::string>{"1.0"});
  AdvanceAndSettle(absl::Seconds(5));
  EXPECT_EQ(Ask(), "1.0") << "still full";
  AllowWrites("published");
  AdvanceAndSettle(absl::Seconds(5));
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(Stored().history, (std::vector<std::string>{"1.0", "1.1"}));
}

TEST_F(ManagerTroubleTest, ThePublicationIsTriedAgainAtTheNextEvent) {
  FailWrites("published");
  Deploy("1.0");
  EXPECT_THAT(Ask(), HasSubstr("has no live version"));
  AllowWrites("published");
  Deploy("0.9");
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerTroubleTest, CommandsReturnTheErrorOfAFullDiskAndLiveStays) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Deploy(version);
  const std::vector<std::string> before = Events();
  for (const char* action : {"rollback", "promote", "pin", "retire"}) FailWrites(action);
  EXPECT_THAT(manager_->Rollback(By(""), kLong), Not(IsOk()));
  EXPECT_THAT(manager_->Promote(By("1.0"), kLong), Not(IsOk()));
  EXPECT_THAT(manager_->Pin(By("1.1"), kLong), Not(IsOk()));
  EXPECT_THAT(manager_->Retire(By("1.1")), Not(IsOk()));
  Settle();
  EXPECT_EQ(Ask(), "1.2");
  EXPECT_EQ(View().pinned, "");
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.2", "1.1"));
  EXPECT_EQ(Events(), before);
  AllowWrites("pin");
  ASSERT_OK(manager_->Pin(By("1.2"), kLong));
  FailWrites("unpin");
  EXPECT_THAT(manager_->Unpin(By(""), kLong), Not(IsOk()));
  EXPECT_EQ(View().pinned, "1.2");
}

TEST_F(ManagerTroubleTest, AQuarantineThatCannotBeRecordedIsFoundOutAgain) {
  Deploy("1.0");
  FailWrites("quarantined");
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  Deploy("1.1");
  EXPECT_EQ(State("1.1"), "available");
  EXPECT_EQ(VersionOf("1.1").reason, "bad magic");
  AllowWrites("quarantined");
  AdvanceAndSettle(LoadBackOff(1));
  EXPECT_EQ(State("1.1"), "quarantined");
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerTroubleTest, AVersionRetiredWhileItLoadsInTheBackgroundIsFreedAndStaysRetired) {
  Deploy("1.0");
  loader_.Block("digits/1.1");
  ASSERT_OK(Register("1.1"));
  loader_.AwaitLoads(2);
  ASSERT_OK(manager_->Retire(By("1.1")));
  loader_.Unblock("digits/1.1");
  Settle();
  EXPECT_EQ(State("1.1"), "retired");
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(loader_.alive(), 1);
}

TEST_F(ManagerTroubleTest, AVersionRetiredWhileItFailsToLoadStaysRetired) {
  Deploy("1.0");
  loader_.Block("digits/1.1");
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  ASSERT_OK(Register("1.1"));
  loader_.AwaitLoads(2);
  ASSERT_OK(manager_->Retire(By("1.1")));
  loader_.Unblock("digits/1.1");
  Settle();
  EXPECT_EQ(State("1.1"), "retired");
}

}  // namespace
}  // namespace modeld
