// Versions that are loaded again because another plan was found for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ManagerReloadTest : public ManagerTest {
 protected:
  void SetUp() override {
    parts_.on_loaded = [this](const VersionRecord& record) {
      MutexLock lock(&loaded_mutex_);
      loaded_.push_back(absl::StrCat(record.model, "/", record.version));
      loaded_changed_.SignalAll();
    };
    ManagerTest::SetUp();
  }
  void TearDown() override {
    ManagerTest::TearDown();
    manager_.reset();  // before what it calls
  }

  // Asks for a reload of the version, whose loads run by `plan` from now on.
  void Reload(const std::string& version, const std::string& plan = "fake frozen",
              int64_t resident_bytes = 12) {
    loader_.RunBy("digits/" + version, plan);
    manager_->Reload(Record(version), plan, resident_bytes);
  }
  // Waits until `count` loads were announced. By then what they brought is in force.
  void AwaitLoaded(size_t count) {
    MutexLock lock(&loaded_mutex_);
    while (loaded_.size() < count) loaded_changed_.Wait(&loaded_mutex_);
  }
  std::vector<std::string> Loaded() {
    MutexLock lock(&loaded_mutex_);
    return loaded_;
  }
  VersionHandle Resolve(const std::string& version = "") {
    const absl::StatusOr<VersionHandle> handle = table_.Resolve({.model = "digits", .version = version});
    EXPECT_OK(handle);
    return handle.value_or(nullptr);
  }
  std::string PlanOf(const std::string& version) { return VersionOf(version).plan; }

 private:
  Mutex loaded_mutex_;
  CondVar loaded_changed_;
  std::vector<std::string> loaded_ ABSL_GUARDED_BY(loaded_mutex_);
};

TEST_F(ManagerReloadTest, AVersionTakesItsOwnPlaceAndRequestsFinishOnWhatItWas) {
  Deploy("1.0");
  const std::vector<std::string> events = Events();
  VersionHandle held = Resolve();
  Reload("1.0");
  AwaitLoaded(2);
  EXPECT_EQ(Resolve()->plan, "fake frozen");
  EXPECT_EQ(Resolve("1.0")->plan, "fake frozen");
  EXPECT_EQ(PlanOf("1.0"), "fake frozen");
  EXPECT_EQ(State("1.0"), "ready");

  EXPECT_EQ(held->plan, "");
  EXPECT_EQ(AnswerOf(held), "1.0");
  EXPECT_EQ(loader_.alive(), 2);
  held.reset();
  Settle();
  EXPECT_EQ(loader_.alive(), 1);
  EXPECT_EQ(State("1.0"), "ready");
  EXPECT_EQ(Events(), events) << "nothing was decided";
  EXPECT_THAT(Announced(), ElementsAre("digits serves"));
}

TEST_F(ManagerReloadTest, ItServesWhileItIsLoadedAgainAndNobodyIsHeldUpForThat) {
  Deploy("1.0");
  loader_.Block("digits/1.0");
  Reload("1.0");
  loader_.AwaitLoads(2);
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.0"), "ready");
  EXPECT_EQ(PlanOf("1.0"), "");
  EXPECT_FALSE(loader_.awaited("digits/1.0")) << "in the background";
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(PlanOf("1.0"), "fake frozen");
}

TEST_F(ManagerReloadTest, WhatIsNotInMemoryOrRunsSoAlreadyIsNotLoaded) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Deploy(version);
  ASSERT_THAT(ReadyVersions(), ElementsAre("1.2", "1.1"));
  const size_t loads = loader_.loads().size();
  manager_->Reload(Record("1.0"), "fake frozen", 12);
  manager_->Reload(Record("7"), "fake frozen", 12);
  manager_->Reload(Record("1.2", 'a', "faces"), "fake frozen", 12);
  manager_->Reload(Record("1.2"), "", 12);
  Settle();
  EXPECT_EQ(loader_.loads().size(), loads);
  Reload("1.2");
  Settle();
  manager_->Reload(Record("1.2"), "fake frozen", 12);
  Settle();
  EXPECT_EQ(loader_.loads().size(), loads + 1);
}

TEST_F(ManagerReloadTest, AReloadThatFailsLeavesItAsItIs) {
  Deploy("1.0");
  const std::vector<std::string> events = Events();
  size_t loads = 1;
  for (const absl::Status& failure :
       {absl::InvalidArgumentError("bad magic"), absl::ResourceExhaustedError("no memory")}) {
    loader_.Fail("digits/1.0", failure);
    Reload("1.0");
    loader_.AwaitLoads(++loads);
    Settle();
    EXPECT_EQ(Ask(), "1.0");
    EXPECT_EQ(State("1.0"), "ready");
    EXPECT_EQ(PlanOf("1.0"), "");
    EXPECT_EQ(VersionOf("1.0").reason, "");
    clock_.Advance(absl::Hours(1));
    manager_->Poke();
    Settle();
    EXPECT_EQ(loader_.loads().size(), loads) << "and is not tried again by itself";
  }
  EXPECT_EQ(Events(), events);

  loader_.Fail("digits/1.0", absl::OkStatus());
  Reload("1.0");
  Settle();
  EXPECT_EQ(PlanOf("1.0"), "fake frozen");
  EXPECT_EQ(loader_.alive(), 1);
}

TEST_F(ManagerReloadTest, WhatIsMissingIsLoadedFirst) {
  Deploy("1.0");
  loader_.Block("faces/1");
  ASSERT_OK(Register("1", "faces"));
  loader_.AwaitLoads(2);
  Reload("1.0");
  ASSERT_OK(Register("1.1"));
  loader_.UnblockAll();
  Settle();
  EXPECT_THAT(loader_.loads(), ElementsAre("digits/1.0", "faces/1", "digits/1.1", "digits/1.0"));
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(PlanOf("1.0"), "fake frozen");
}

// The load may have begun before the registry said by which plan.
TEST_F(ManagerReloadTest, APlanThatIsFoundWhileItIsLoadedIsNotLost) {
  loader_.Block("digits/1.0");
  ASSERT_OK(Register("1.0"));
  loader_.AwaitLoads(1);
  Reload("1.0");
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(loader_.loads().size(), 2u);
  EXPECT_EQ(PlanOf("1.0"), "fake frozen");
}

TEST_F(ManagerReloadTest, APlanThatIsFoundWhileItIsLoadedAgainIsNotLost) {
  loader_.RunBy("digits/1.0", "fake");
  Deploy("1.0");
  loader_.Block("digits/1.0");
  Reload("1.0", "fake frozen");
  loader_.AwaitLoads(2);
  // By which it runs now, but not when that load is done.
  Reload("1.0", "fake");
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(loader_.loads().size(), 3u);
  EXPECT_EQ(PlanOf("1.0"), "fake");
}

TEST_F(ManagerReloadTest, ALoadThatCameToThePlanByItselfIsNotRepeated) {
  loader_.Block("digits/1.0");
  loader_.RunBy("digits/1.0", "fake frozen");
  ASSERT_OK(Register("1.0"));
  loader_.AwaitLoads(1);
  Reload("1.0");
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(loader_.loads().size(), 1u);
}

TEST_F(ManagerReloadTest, ALoadThatDoesNotComeToThePlanIsNotRepeatedForEver) {
  Deploy("1.0");
  loader_.Block("digits/1.0");
  manager_->Reload(Record("1.0"), "fake frozen", 12);
  loader_.AwaitLoads(2);
  manager_->Reload(Record("1.0"), "fake frozen", 12);
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(loader_.loads().size(), 3u);
  EXPECT_EQ(PlanOf("1.0"), "");
}

TEST_F(ManagerReloadTest, ARollbackWhileItIsLoadedAgain) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Deploy(version);
  loader_.Block("digits/1.2");
  Reload("1.2");
  loader_.AwaitLoads(4);
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  EXPECT_EQ(Ask(), "1.1");
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(loader_.alive(), static_cast<int>(ReadyVersions().size()));
  ASSERT_OK(manager_->Promote(By("1.2"), kLong));
  EXPECT_EQ(Resolve()->plan, "fake frozen");
}

TEST_F(ManagerReloadTest, AVersionRetiredWhileItIsLoadedAgainIsFreed) {
  for (const char* version : {"1.0", "1.1"}) Deploy(version);
  loader_.Block("digits/1.0");
  Reload("1.0");
  loader_.AwaitLoads(3);
  ASSERT_OK(manager_->Retire(By("1.0")));
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(State("1.0"), "retired");
  EXPECT_EQ(loader_.alive(), 1);
  manager_.reset();
  EXPECT_THAT(Loaded(), ElementsAre("digits/1.0", "digits/1.1")) << "nobody needs to hear of it";
}

TEST_F(ManagerReloadTest, AVersionRetiredWhileItFailsToLoadAgainStaysRetired) {
  for (const char* version : {"1.0", "1.1"}) Deploy(version);
  loader_.Block("digits/1.0");
  loader_.Fail("digits/1.0", absl::InvalidArgumentError("bad magic"));
  Reload("1.0");
  loader_.AwaitLoads(3);
  ASSERT_OK(manager_->Retire(By("1.0")));
  loader_.UnblockAll();
  Settle();
  EXPECT_EQ(State("1.0"), "retired");
  EXPECT_EQ(Ask(), "1.1");
}

TEST_F(ManagerReloadTest, NothingIsLoadedAgainAfterStop) {
  Deploy("1.0");
  manager_->Stop();
  Reload("1.0");
  manager_.reset();
  EXPECT_EQ(loader_.loads().size(), 1u);
}

TEST_F(ManagerReloadTest, EveryLoadIsAnnouncedButThoseThatFail) {
  Deploy("1.0");
  loader_.Fail("digits/1.1", absl::InvalidArgumentError("bad magic"));
  ASSERT_OK(Register("1.1"));
  Settle();
  loader_.Fail("digits/1.0", absl::InvalidArgumentError("bad magic"));
  Reload("1.0");
  Settle();
  loader_.Fail("digits/1.0", absl::OkStatus());
  Reload("1.0");
  AwaitLoaded(2);
  manager_.reset();
  EXPECT_THAT(Loaded(), ElementsAre("digits/1.0", "digits/1.0"));
}

class ManagerReloadWatchTest : public ManagerReloadTest {
 protected:
  void DeployGuarded(const std::string& version) {
    GuardLimits limits;
    limits.watch = absl::Minutes(5);
    limits.min_requests = 10;
    loader_.Guard("digits/" + version, limits);
    Deploy(version);
  }
  void Requests(int requests, int errors) {
    const VersionHandle handle = Resolve();
    for (int i = 0; i < requests; ++i) {
      handle->stats.Record({.code = i < errors ? absl::StatusCode::kInternal : absl::StatusCode::kOk,
                            .nanoseconds = 1000,
                            .looked_for_nan = false,
                            .not_a_number = false,
                            .huge_inputs = false});
    }
  }
};

TEST_F(ManagerReloadWatchTest, AWatchGoesOnWithTheNewInstance) {
  DeployGuarded("1.0");
  Requests(100, 0);
  DeployGuarded("1.1");
  Requests(100, 0);
  manager_->CheckWatches();
  Reload("1.1");
  Settle();
  EXPECT_EQ(loader_.alive(), 2) << "the watch lets the old instance go";
  ASSERT_TRUE(View().watch.has_value());
  EXPECT_EQ(View().watch->version, "1.1");
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.1");

  Requests(100, 50);
  manager_->CheckWatches();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(Events().back(), HasSubstr("daemon auto_rollback 1.0: 1.1 -> 1.0, "));
}

TEST_F(ManagerReloadWatchTest, AWatchEndsInItsTimeAllTheSame) {
  DeployGuarded("1.0");
  DeployGuarded("1.1");
  Requests(100, 0);
  clock_.Advance(absl::Minutes(4));
  Reload("1.1");
  Settle();
  clock_.Advance(absl::Minutes(1));
  manager_->CheckWatches();
  EXPECT_FALSE(View().watch.has_value());
  EXPECT_THAT(Events().back(), HasSubstr("watch_passed 1.1"));
}

TEST_F(ManagerReloadWatchTest, ACanaryIsComparedAnewWhereLiveIsLoadedAgain) {
  DeployGuarded("1.0");
  DeployGuarded("1.1");
  ASSERT_OK(manager_->SetCanary(By("1.0"), 0.5, kLong));
  manager_->CheckWatches();
  Reload("1.1");
  Settle();
  EXPECT_EQ(loader_.alive(), 2) << "the watch lets the old instance go";
  manager_->CheckWatches();
  EXPECT_EQ(View().traffic->canary, "1.0");
}

class ManagerReloadMemoryTest : public ManagerReloadTest {
 protected:
  // As loaded first, each version takes 12 bytes: a quarter more than its 10.
  void RestartWith(int64_t budget) {
    parts_.memory_budget_bytes = budget;
    Restart();
  }
};

TEST_F(ManagerReloadMemoryTest, WhereBothDoNotFitItStaysAsItIsAndNothingGoes) {
  RestartWith(40);
  for (const char* version : {"1.0", "1.1"}) Deploy(version);
  Reload("1.1", "fake frozen", 17);
  Settle();
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.1", "1.0"));
  EXPECT_EQ(PlanOf("1.1"), "");
  EXPECT_EQ(loader_.loads().size(), 2u);
  EXPECT_EQ(VersionOf("1.1").reason, "");

  ASSERT_OK(manager_->Retire(By("1.0")));
  Settle();
  EXPECT_EQ(PlanOf("1.1"), "") << "until it is asked for again";
  Reload("1.1", "fake frozen", 17);
  Settle();
  EXPECT_EQ(PlanOf("1.1"), "fake frozen");
}

TEST_F(ManagerReloadMemoryTest, WhatIsOnItsWayOutIsWaitedFor) {
  RestartWith(30);
  for (const char* version : {"1.0", "1.1"}) Deploy(version);
  VersionHandle held = Resolve("1.0");
  ASSERT_OK(manager_->Retire(By("1.0")));
  Reload("1.1");
  EXPECT_EQ(loader_.loads().size(), 2u);
  held.reset();
  Settle();
  EXPECT_EQ(PlanOf("1.1"), "fake frozen");
}

TEST_F(ManagerReloadMemoryTest, WhatItTakesByItsNewPlanCounts) {
  RestartWith(29);
  Deploy("1.0");
  Reload("1.0", "fake frozen", 17);
  Settle();
  ASSERT_EQ(PlanOf("1.0"), "fake frozen");
  VersionRecord larger = Record("1.1");
  larger.size_bytes = 12;  // takes 15: 29 together with what 1.0 took first, and a little more
  ASSERT_OK(manager_->Register(larger, kConfig));
  Settle();
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(VersionOf("1.1").reason, HasSubstr("not enough memory"));
}

TEST_F(ManagerReloadMemoryTest, WhatIsLoadedAgainOftenLeavesNothingBehindInTheAccounts) {
  RestartWith(40);
  Deploy("1.0");
  for (int i = 0; i < 5; ++i) {
    Reload("1.0", absl::StrCat("fake ", i), 10 + i);
    Settle();
    ASSERT_EQ(PlanOf("1.0"), absl::StrCat("fake ", i));
  }
  // 14 are taken, and 26 free.
  VersionRecord next = Record("1.1");
  next.size_bytes = 21;
  ASSERT_OK(manager_->Register(next, kConfig));
  Settle();
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.1", "1.0"));
}

}  // namespace
}  // namespace modeld
