// What happens by itself: registering, loading, publishing, draining; and the views.
#include "daemon/lifecycle/manager.h"

#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST_F(ManagerTest, EmptyRegistryIsReadyAndSettled) {
  EXPECT_TRUE(manager_->ready());
  EXPECT_TRUE(manager_->WaitSettled(absl::ZeroDuration()));
  EXPECT_THAT(manager_->ListModels("", 10), IsEmpty());
  EXPECT_THAT(manager_->GetModel("digits"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no model \"digits\"")));
}

TEST_F(ManagerTest, FirstVersionIsLoadedAndGoesLive) {
  Deploy("1.0");
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_THAT(Events(),
              ElementsAre("daemon registered 1.0", "daemon published 1.0:  -> 1.0, highest good version"));
  EXPECT_EQ(Stored().history, std::vector<std::string>{"1.0"});
  EXPECT_EQ(VersionOf("1.0").record.registered_at, clock_.Now());
}

TEST_F(ManagerTest, TheOldVersionServesWhileTheNewOneLoads) {
  Deploy("1.0");
  loader_.Block("digits/1.1");
  ASSERT_OK(Register("1.1"));
  loader_.AwaitLoads(2);
  EXPECT_EQ(Ask(), "1.0");
  EXPECT_EQ(State("1.1"), "loading");
  EXPECT_THAT(Ask({.model = "digits", .version = "1.1"}), HasSubstr("is loading; try again shortly"));
  EXPECT_FALSE(manager_->WaitSettled(absl::ZeroDuration()));
  loader_.Unblock("digits/1.1");
  Settle();
  EXPECT_EQ(Ask(), "1.1");
  EXPECT_EQ(Ask({.model = "digits", .label = "previous"}), "1.0");
}

TEST_F(ManagerTest, OnlyLiveAndPreviousStayInMemory) {
  for (const char* version : {"1.0", "1.1", "1.2", "1.3"}) Deploy(version);
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.3", "1.2"));
  EXPECT_EQ(loader_.alive(), 2);
  EXPECT_EQ(Ask({.model = "digits", .version = "1.0"}),
            "version \"1.0\" of model \"digits\" is registered but not loaded; make it live with: modelctl "
            "promote digits 1.0");
}

TEST_F(ManagerTest, LowerVersionIsRegisteredButNotLoaded) {
  Deploy("1.10");
  Deploy("1.9");
  EXPECT_EQ(Ask(), "1.10");
  EXPECT_EQ(State("1.9"), "available");
  EXPECT_THAT(loader_.loads(), ElementsAre("digits/1.10"));
}

TEST_F(ManagerTest, AVersionDrainsWhileARequestHoldsIt) {
  Deploy("1.0");
  VersionHandle held = *table_.Resolve({.model = "digits"});
  Deploy("1.1");
  ASSERT_OK(Register("1.2"));
  ASSERT_OK(manager_->Promote(By("1.2"), kLong));
  EXPECT_FALSE(manager_->WaitSettled(absl::Milliseconds(1)));
  EXPECT_EQ(State("1.0"), "draining");
  EXPECT_EQ(AnswerOf(held), "1.0");
  held.reset();
  Settle();
  EXPECT_EQ(State("1.0"), "available");
  EXPECT_EQ(loader_.alive(), 2);
}

TEST_F(ManagerTest, AVersionWantedAgainWhileItDrainsIsLoadedAnew) {
  Deploy("1.0");
  VersionHandle old_instance = *table_.Resolve({.model = "digits"});
  Deploy("1.1");
  ASSERT_OK(Register("1.2"));
  ASSERT_OK(manager_->Promote(By("1.2"), kLong));
  ASSERT_EQ(State("1.0"), "draining");
  ASSERT_OK(manager_->Promote(By("1.0"), kLong));
  const VersionHandle new_instance = *table_.Resolve({.model = "digits"});
  EXPECT_NE(new_instance, old_instance);
  EXPECT_EQ(State("1.0"), "ready");
  old_instance.reset();
  Settle();
  EXPECT_EQ(State("1.0"), "ready") << "the end of the old instance is not the end of the new one";
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerTest, RegisteringTheSameAgainChangesNothing) {
  Deploy("1.0");
  const std::vector<std::string> before = Events();
  Deploy("1.0");
  EXPECT_EQ(Events(), before);
  EXPECT_THAT(loader_.loads(), ElementsAre("digits/1.0"));
}

TEST_F(ManagerTest, OtherBytesUnderTheSameVersionAreAConflict) {
  Deploy("1.0");
  EXPECT_THAT(
      manager_->Register(Record("1.0", 'b'), kConfig),
      StatusIs(absl::StatusCode::kAlreadyExists,
               AllOf(HasSubstr("version \"1.0\" of model \"digits\""), HasSubstr("aaaaaaaaaaaa,"),
                     HasSubstr("bbbbbbbbbbbb)"), HasSubstr("give the new file a new version string"))));
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerTest, AnotherConfigUnderTheSameVersionIsAConflict) {
  Deploy("1.0");
  EXPECT_THAT(manager_->Register(Record("1.0"), R"({"description":"new","version":"1.0"})"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("but another config")));
}

TEST_F(ManagerTest, ModelsAreLoadedInOrderOfArrival) {
  loader_.Block("a/1");
  ASSERT_OK(Register("1", "a"));
  loader_.AwaitLoads(1);
  ASSERT_OK(Register("1", "b"));
  ASSERT_OK(Register("1", "c"));
  loader_.Unblock("a/1");
  Settle();
  EXPECT_THAT(loader_.loads(), ElementsAre("a/1", "b/1", "c/1"));
}

TEST_F(ManagerTest, ViewsShowEverything) {
  loader_.Warn("digits/1.1", "warm-up failed");
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Rollback(By("", "wrong sevens"), kLong));
  const ModelView view = View();
  EXPECT_EQ(view.live, "1.0");
  EXPECT_EQ(view.pinned, "1.0");
  EXPECT_EQ(view.pin_reason, "wrong sevens");
  EXPECT_THAT(view.labels, ElementsAre(Pair("live", "1.0")));
  ASSERT_EQ(view.versions.size(), 2u);
  EXPECT_EQ(view.versions[0].record.version, "1.1");
  EXPECT_THAT(view.versions[0].record.warnings, ElementsAre("warm-up failed"));
  EXPECT_EQ(view.versions[1].engine, "fake");
}

TEST_F(ManagerTest, ListModelsPages) {
  for (const char* model : {"b", "a", "c"}) Deploy("1", model);
  const auto names = [](const std::vector<ModelView>& views) {
    std::vector<std::string> names;
    for (const ModelView& view : views) names.push_back(view.name);
    return names;
  };
  EXPECT_THAT(names(manager_->ListModels("", 2)), ElementsAre("a", "b"));
  EXPECT_THAT(names(manager_->ListModels("b", 2)), ElementsAre("c"));
  EXPECT_THAT(names(manager_->ListModels("c", 2)), IsEmpty());
  const ManagerCounts counts = manager_->Counts();
  EXPECT_EQ(counts.models, 3);
  EXPECT_EQ(counts.versions, 3);
  EXPECT_EQ(counts.ready, 3);
  EXPECT_EQ(counts.quarantined, 0);
}

TEST_F(ManagerTest, AnnouncesWhenAModelBeginsToServeInOrder) {
  Deploy("1.0");
  Deploy("1.1");
  Deploy("1", "faces");
  manager_.reset();
  EXPECT_THAT(Announced(), ElementsAre("digits serves", "faces serves"));
}

TEST_F(ManagerTest, StoppingEmptiesTheTableAndFreesEverything) {
  Deploy("1.0");
  Deploy("1.1");
  manager_.reset();
  EXPECT_EQ(loader_.alive(), 0);
  EXPECT_THAT(Ask(), HasSubstr("no model"));
}

TEST_F(ManagerTest, StoppingWaitsForALoadInProgressAndFreesIt) {
  loader_.Block("digits/1.0");
  ASSERT_OK(Register("1.0"));
  loader_.AwaitLoads(1);
  ASSERT_OK(Register("1", "faces"));
  manager_->Stop();
  EXPECT_FALSE(manager_->WaitSettled(absl::ZeroDuration()));
  loader_.Unblock("digits/1.0");
  EXPECT_TRUE(manager_->WaitSettled(kLong)) << "what was not begun is not waited for";
  EXPECT_THAT(loader_.loads(), ElementsAre("digits/1.0"));
  manager_.reset();
  EXPECT_EQ(loader_.alive(), 0);
}

}  // namespace
}  // namespace modeld
