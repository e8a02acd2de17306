#include "registry/store_care.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/registry/store_fixture.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Call = FaultyFileSystem::Call;

class StoreCareTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    first_ = Add("digits", "1.0", "one");
    second_ = Add("digits", "1.1", "two");
    third_ = Add("digits", "1.2", "three");
    MakeLive("digits", "1.2");
  }

  absl::StatusOr<v1::CollectGarbageResponse> Collect(bool apply, int keep_last = 2) {
    v1::CollectGarbageRequest request;
    request.set_keep_last(keep_last);
    request.set_apply(apply);
    request.set_actor("ann");
    request.set_reason("disk");
    return care_->CollectGarbage(request);
  }

  std::string first_, second_, third_;
};

TEST_F(StoreCareTest, WithoutApplyNothingChanges) {
  ASSERT_OK_AND_ASSIGN(const v1::CollectGarbageResponse response, Collect(/*apply=*/false));
  EXPECT_FALSE(response.applied());
  ASSERT_EQ(response.versions_size(), 1);
  EXPECT_EQ(response.versions(0).version(), "1.0");
  EXPECT_EQ(response.versions(0).sha256(), first_);
  EXPECT_EQ(response.versions(0).freed_bytes(), 3);
  EXPECT_EQ(response.freed_bytes(), 3);
  EXPECT_TRUE(store_->Contains(first_));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kGood);
  EXPECT_NE(Events().front().action, action::kCollected);
}

TEST_F(StoreCareTest, AppliedItRetiresTheVersionAndRemovesItsArtifact) {
  ASSERT_OK_AND_ASSIGN(const v1::CollectGarbageResponse response, Collect(/*apply=*/true));
  EXPECT_TRUE(response.applied());
  EXPECT_EQ(response.freed_bytes(), 3);
  EXPECT_FALSE(store_->Contains(first_));
  EXPECT_TRUE(store_->Contains(second_));
  EXPECT_TRUE(IsCollected(Version("digits", "1.0")));
  EXPECT_TRUE(Artifact(first_).removed);
  EXPECT_THAT(Artifact(first_).uses, IsEmpty());
  const EventRecord event = Events().front();
  EXPECT_EQ(event.action, action::kCollected);
  EXPECT_EQ(event.actor, "ann");
  EXPECT_EQ(event.reason, "disk");
  EXPECT_EQ(event.version, "1.0");

  // And nothing is left to do, or found to be wrong.
  ASSERT_OK_AND_ASSIGN(const v1::CollectGarbageResponse again, Collect(/*apply=*/true));
  EXPECT_EQ(again.versions_size(), 0);
  ASSERT_OK_AND_ASSIGN(const v1::VerifyStoreResponse verified, care_->Verify({}, [] { return false; }));
  EXPECT_EQ(verified.findings_size(), 0) << verified.DebugString();
}

TEST_F(StoreCareTest, FilesOfACollectedVersionGoAsWell) {
  const std::string sample = Put("sample");
  Add("digits", "0.9", "nine", {{.name = "golden/0", .sha256 = sample, .size_bytes = 6}});
  ASSERT_OK_AND_ASSIGN(const v1::CollectGarbageResponse response, Collect(/*apply=*/true, /*keep_last=*/3));
  ASSERT_EQ(response.versions_size(), 1);
  EXPECT_EQ(response.versions(0).freed_bytes(), 10);
  EXPECT_FALSE(store_->Contains(sample));
  EXPECT_TRUE(Artifact(sample).removed);
}

TEST_F(StoreCareTest, AnArtifactThatTwoVersionsShareStaysUntilTheLastIsCollected) {
  Add("faces", "1", "one");
  Add("faces", "2", "two faces");
  v1::CollectGarbageRequest request;
  request.set_apply(true);
  request.set_model("digits");
  request.set_keep_last(2);
  ASSERT_OK_AND_ASSIGN(v1::CollectGarbageResponse response, care_->CollectGarbage(request));
  EXPECT_EQ(response.freed_bytes(), 0);
  EXPECT_TRUE(store_->Contains(first_));
  EXPECT_FALSE(Artifact(first_).removed);
  EXPECT_THAT(Artifact(first_).uses, ElementsAre(ArtifactUse{.model = "faces", .version = "1", .file = ""}));

  request.set_model("faces");
  request.set_keep_last(1);
  ASSERT_OK_AND_ASSIGN(response, care_->CollectGarbage(request));
  EXPECT_EQ(response.freed_bytes(), 3);
  EXPECT_FALSE(store_->Contains(first_));
  EXPECT_TRUE(Artifact(first_).removed);
}

TEST_F(StoreCareTest, AnOrphanOfAConflictIsRemovedWhenItIsOld) {
  const std::string orphan = Put("a conflict");
  ASSERT_OK_AND_ASSIGN(v1::CollectGarbageResponse response, Collect(/*apply=*/true, /*keep_last=*/9));
  EXPECT_EQ(response.orphans_size(), 0);
  clock_.Advance(kOrphanAge);
  clock_.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(response, Collect(/*apply=*/true, /*keep_last=*/9));
  EXPECT_THAT(response.orphans(), ElementsAre(orphan));
  EXPECT_EQ(response.freed_bytes(), 10);
  EXPECT_FALSE(store_->Contains(orphan));
}

TEST_F(StoreCareTest, AFileThatCannotBeRemovedIsAnOrphanOfTheNextTime) {
  files_.FailNth(Call::kRemove, 1, absl::UnavailableError("I/O error"));
  EXPECT_THAT(Collect(/*apply=*/true), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("next gc")));
  EXPECT_TRUE(IsCollected(Version("digits", "1.0")));
  EXPECT_TRUE(store_->Contains(first_));
  Age(first_);
  ASSERT_OK_AND_ASSIGN(const v1::CollectGarbageResponse response, Collect(/*apply=*/true));
  EXPECT_THAT(response.orphans(), ElementsAre(first_));
  EXPECT_FALSE(store_->Contains(first_));
}

TEST_F(StoreCareTest, AnArtifactThatIsBeingRegisteredIsNotRemoved) {
  Age(first_);
  ASSERT_OK_AND_ASSIGN(ArtifactWriter writer, store_->Begin());
  ASSERT_OK(writer.Append("one"));
  ASSERT_OK_AND_ASSIGN(StagedArtifact staged, writer.Finish());
  ASSERT_OK(staged.Commit());
  ASSERT_OK(Collect(/*apply=*/true));
  EXPECT_TRUE(store_->Contains(first_));
  // Registered under another version string, as a drop in the meantime would have it.
  VersionRecord record = TestVersion("digits", "2.0");
  record.sha256 = first_;
  ASSERT_OK(registry_->RegisterVersion(record, "{}", TestEvent(action::kRegistered)));
  EXPECT_FALSE(Artifact(first_).removed);
}

// Labels 1.0 after the plan was made from what the registry said.
class LabellingKeeper final : public VersionKeeper {
 public:
  LabellingKeeper(Registry* registry, VersionKeeper* keeper) : registry_(registry), keeper_(keeper) {}

  bool InMemory(const std::string& model, const std::string& version) override { return false; }
  absl::Status Collect(const std::string& model, const std::string& version, const std::string& actor,
                       const std::string& reason) override {
    EXPECT_OK(registry_->SetRouting(
        model,
        {.labels = {{"stable", "1.0"}}, .canary = "", .canary_share = 0, .shadow = "", .shadow_share = 0},
        TestEvent(action::kLabel)));
    return keeper_->Collect(model, version, actor, reason);
  }
  absl::Status Quarantine(const std::string&, const std::string&, const std::string&,
                          const std::string&) override {
    return absl::OkStatus();
  }

 private:
  Registry* const registry_;
  VersionKeeper* const keeper_;
};

TEST_F(StoreCareTest, WhatCameToBeNeededMeanwhileIsLeftOut) {
  Add("digits", "0.9", "nine");
  LabellingKeeper keeper(registry_.get(), keeper_.get());
  StoreCare care(registry_.get(), store_.get(), &files_, &clock_, &keeper);
  v1::CollectGarbageRequest request;
  request.set_keep_last(2);
  request.set_apply(true);
  ASSERT_OK_AND_ASSIGN(const v1::CollectGarbageResponse response, care.CollectGarbage(request));
  ASSERT_EQ(response.versions_size(), 1);
  EXPECT_EQ(response.versions(0).version(), "0.9");
  EXPECT_EQ(response.freed_bytes(), 4);
  EXPECT_TRUE(store_->Contains(first_));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kGood);
}

TEST_F(StoreCareTest, TheRegistryLooksItselfWhatKeepsAVersion) {
  EXPECT_THAT(registry_->CollectVersion("digits", "1.2", TestEvent(action::kCollected)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is live")));
  EXPECT_THAT(registry_->CollectVersion("digits", "7", TestEvent(action::kCollected)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"7\"")));
}

TEST_F(StoreCareTest, AMemberOfAPendingReleaseIsNotCollected) {
  ASSERT_OK(registry_->AddRelease({.id = 0,
                                   .name = "both",
                                   .state = ReleaseState::kPending,
                                   .reason = "",
                                   .members = {{"digits", "1.0"}},
                                   .since = TestTime()},
                                  /*added=*/{}, {TestEvent(action::kReleased)}));
  EXPECT_THAT(registry_->CollectVersion("digits", "1.0", TestEvent(action::kCollected)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("pending release \"both\"")));
  ASSERT_OK_AND_ASSIGN(const v1::CollectGarbageResponse response, Collect(/*apply=*/true));
  EXPECT_EQ(response.versions_size(), 0);
}

TEST_F(StoreCareTest, AVersionThatIsBroughtBackNeedsItsArtifactAgain) {
  ASSERT_OK(Collect(/*apply=*/true));
  ASSERT_TRUE(Artifact(first_).removed);
  ASSERT_OK(
      registry_->SetDisposition("digits", "1.0", Disposition::kGood, "", TestEvent(action::kReinstated)));
  EXPECT_FALSE(Artifact(first_).removed);
  EXPECT_EQ(Artifact(first_).uses.size(), 1u);
}

TEST_F(StoreCareTest, NobodyCanRetireAVersionAsCollected) {
  EXPECT_THAT(registry_->SetDisposition("digits", "1.0", Disposition::kRetired, kCollectedReason,
                                        TestEvent(action::kRetire)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give another")));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kGood);
}

TEST_F(StoreCareTest, WrongRequestsAreNamed) {
  EXPECT_THAT(Collect(/*apply=*/true, /*keep_last=*/-1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("keep_last is -1")));
  v1::CollectGarbageRequest request;
  request.set_model("digit");
  EXPECT_THAT(care_->CollectGarbage(request),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean \"digits\"")));
}

TEST_F(StoreCareTest, GarbageIsNotCollectedWhileTheStoreIsReadThrough) {
  absl::Status collected;
  v1::VerifyStoreRequest request;
  ASSERT_OK(care_->Verify(request, [&] {
    collected = Collect(/*apply=*/true).status();
    return false;
  }));
  EXPECT_THAT(collected, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is being verified")));
  EXPECT_OK(Collect(/*apply=*/true));
}

}  // namespace
}  // namespace modeld
