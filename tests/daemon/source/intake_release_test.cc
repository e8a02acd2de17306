// The life of a release directory.
#include <filesystem>

#include "daemon/source/intake.h"
#include "tests/daemon/source/intake_fixture.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kManifest[] = R"({"models": ["digits.pt", "faces/any.pt"]})";
constexpr char kPath[] = "week-48/manifest.json";

class IntakeReleaseTest : public IntakeTest {
 protected:
  void DropRelease() {
    Drop(kPath, kManifest);
    Drop("week-48/digits.pt", Archive("1.1"));
    Drop("week-48/faces/any.pt", Archive("2.0"));
  }
  void ExpectTaken() {
    EXPECT_THAT(sink_->release("week-48"), ElementsAre("digits 1.1", "faces 2.0"));
    EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  }
};

TEST_F(IntakeReleaseTest, IsTakenAsOneWhenAllOfItSettled) {
  DropRelease();
  EXPECT_EQ(intake_->Step(), clock_.Now() + kSettle);
  EXPECT_EQ(OnlyDropped().path, kPath);
  EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("all of its directory has stood still for 500ms"));
  EXPECT_EQ(OnlyDropped().model, "");
  StepAfter(kSettle - absl::Milliseconds(1));
  EXPECT_EQ(opens(), 0);
  StepAfter(absl::Milliseconds(1));
  ExpectTaken();
  EXPECT_EQ(sink_->calls(), 1);

  const std::vector<FileRecord> remembered = Remembered();
  ASSERT_THAT(remembered, SizeIs(1));
  EXPECT_EQ(remembered[0].path, kPath);
  EXPECT_EQ(remembered[0].outcome, FileOutcome::kRegistered);
  EXPECT_EQ(remembered[0].model, "");
}

TEST_F(IntakeReleaseTest, WhatIsStillBeingWrittenKeepsAllOfItWaiting) {
  DropRelease();
  std::string weights;
  for (int i = 0; i < 5; ++i) {
    intake_->Step();
    StepAfter(kSettle - absl::Milliseconds(1));
    EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
    weights += "more";
    Drop("week-48/faces/any.pt", Archive("2.0", weights));
  }
  EXPECT_EQ(opens(), 0);
  Settle();
  ExpectTaken();
}

TEST_F(IntakeReleaseTest, AMissingFileIsWaitedForAndThenAllAreTaken) {
  Drop(kPath, kManifest);
  Drop("week-48/digits.pt", Archive("1.1"));
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
  EXPECT_EQ(OnlyDropped().reason, "file \"faces/any.pt\" of manifest.json is missing; waiting for the rest");
  StepAfter(kIncomplete - kSettle - absl::Milliseconds(1));
  EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
  EXPECT_THAT(sink_->names(), IsEmpty());
  Drop("week-48/faces/any.pt", Archive("2.0"));
  Settle();
  ExpectTaken();
  EXPECT_THAT(Events(action::kQuarantined), IsEmpty());
}

TEST_F(IntakeReleaseTest, AMissingFileIsGivenUpAndTakenWhenItComesAfterAll) {
  Drop(kPath, kManifest);
  Drop("week-48/digits.pt", Archive("1.1"));
  Settle();
  StepAfter(kIncomplete - kSettle);
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_EQ(
      OnlyDropped().reason,
      "incomplete: it has stood still for 10s, but file \"faces/any.pt\" of manifest.json is missing; copy "
      "what is missing");
  EXPECT_THAT(
      Events(action::kQuarantined),
      ElementsAre(Field(&EventRecord::reason, StartsWith("file \"week-48/manifest.json\": incomplete"))));
  EXPECT_EQ(sink_->calls(), 0);

  Drop("week-48/faces/any.pt", Archive("2.0"));
  Settle();
  ExpectTaken();
}

TEST_F(IntakeReleaseTest, ATruncatedFileIsWaitedForAndNamed) {
  DropRelease();
  Drop("week-48/faces/any.pt", Archive("2.0").substr(0, 60));
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
  EXPECT_THAT(OnlyDropped().reason, StartsWith("file \"faces/any.pt\": incomplete"));
  StepAfter(kIncomplete - kSettle);
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("but file \"faces/any.pt\": incomplete"));
  EXPECT_EQ(sink_->calls(), 0);
  Drop("week-48/faces/any.pt", Archive("2.0"));
  Settle();
  ExpectTaken();
}

TEST_F(IntakeReleaseTest, ARefusedFileRefusesAll) {
  DropRelease();
  Drop("week-48/faces/any.pt", Archive("this is no version"));
  Settle();
  const DroppedFileView view = OnlyDropped();
  EXPECT_EQ(view.path, kPath);
  EXPECT_EQ(view.state, DroppedState::kQuarantined);
  EXPECT_THAT(view.reason, StartsWith("file \"faces/any.pt\": "));
  EXPECT_EQ(view.model, "faces");
  EXPECT_EQ(sink_->calls(), 0);
  EXPECT_EQ(staging_files(), 0);
  EXPECT_THAT(Events(action::kQuarantined), ElementsAre(Field(&EventRecord::model, "faces")));

  Drop("week-48/faces/any.pt", Archive("2.0"));
  Settle();
  ExpectTaken();
}

TEST_F(IntakeReleaseTest, ARefusalOfTheRegistryIsKept) {
  DropRelease();
  sink_->FailWith(absl::FailedPreconditionError("version \"1.1\" of model \"digits\" is retired"));
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("is retired"));
}

TEST_F(IntakeReleaseTest, TroubleOutsideTheReleaseIsTriedAgain) {
  DropRelease();
  sink_->FailWith(absl::UnavailableError("database is locked"));
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kRetrying);
  EXPECT_EQ(OnlyDropped().path, kPath);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("database is locked"));
  EXPECT_THAT(Events(action::kQuarantined), IsEmpty());
  sink_->FailWith(absl::OkStatus());
  StepAfter(absl::Seconds(1));
  ExpectTaken();
}

TEST_F(IntakeReleaseTest, TwoVersionsOfOneModelAreRefused) {
  DropRelease();
  Drop("week-48/faces/any.pt", TorchScriptArchive(R"({"name": "digits", "version": "1.2"})"));
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("both hold model \"digits\""));
  EXPECT_EQ(sink_->calls(), 0);
}

TEST_F(IntakeReleaseTest, AnUnchangedReleaseIsNotReadAgainNotEvenAfterARestart) {
  DropRelease();
  Settle();
  const int opened = opens();
  for (int i = 0; i < 2; ++i) {
    Restart();
    Settle();
    StepAfter(absl::Minutes(1));
  }
  EXPECT_EQ(opens(), opened);
  EXPECT_EQ(sink_->calls(), 1);
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

TEST_F(IntakeReleaseTest, ARefusedReleaseIsShownAfterARestartAndNotReadAgain) {
  DropRelease();
  Drop(kPath, "{}");
  Settle();
  const int opened = opens();
  Restart();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  Settle();
  EXPECT_THAT(OnlyDropped().reason, StartsWith("manifest.json: field \"models\": missing"));
  EXPECT_EQ(opens(), opened);
}

TEST_F(IntakeReleaseTest, AChangedManifestIsANewLook) {
  DropRelease();
  Settle();
  Drop(kPath, R"({"models": ["digits.pt"]})");
  Settle();
  EXPECT_THAT(sink_->release("week-48"), ElementsAre("digits 1.1"));
  EXPECT_EQ(sink_->calls(), 2);
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

TEST_F(IntakeReleaseTest, AChangedFileIsANewLook) {
  DropRelease();
  Settle();
  Drop("week-48/digits.pt", Archive("1.2"));
  Settle();
  EXPECT_THAT(sink_->release("week-48"), ElementsAre("digits 1.2", "faces 2.0"));
}

TEST_F(IntakeReleaseTest, ARemovedDirectoryIsForgottenAndItsVersionsStay) {
  DropRelease();
  Settle();
  Delete("week-48");
  intake_->Step();
  EXPECT_THAT(Remembered(), IsEmpty());
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.1", "faces 2.0"));
}

TEST_F(IntakeReleaseTest, APartThatCannotBeReadForAWhileChangesNothing) {
  DropRelease();
  Settle();
  const int opened = opens();
  file_system_.FailPath(Call::kList, drop_ + "/week-48/faces", absl::PermissionDeniedError("no access"));
  Settle();
  Settle();
  EXPECT_THAT(intake_->dropped_files(),
              ElementsAre(AllOf(Field(&DroppedFileView::path, "week-48/faces"),
                                Field(&DroppedFileView::state, DroppedState::kRetrying)),
                          AllOf(Field(&DroppedFileView::path, kPath),
                                Field(&DroppedFileView::state, DroppedState::kRetrying),
                                Field(&DroppedFileView::reason, "no access"))));
  file_system_.Heal();
  intake_->Step();
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_EQ(opens(), opened);
  EXPECT_EQ(sink_->calls(), 1);
}

TEST_F(IntakeReleaseTest, ADirectoryUnderAWorkInProgressNameIsTakenWhenItIsRenamed) {
  Drop("week-48.part/digits.pt", Archive("1.1"));
  Drop("week-48.part/faces/any.pt", Archive("2.0"));
  Settle();
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  Drop("week-48.part/manifest.json", kManifest);
  std::filesystem::rename(drop_ + "/week-48.part", drop_ + "/week-48");
  Settle();
  ExpectTaken();
  EXPECT_EQ(sink_->calls(), 1);
}

TEST_F(IntakeReleaseTest, FilesBesideTheReleaseAreTakenAsEver) {
  DropRelease();
  Drop("other/3/model.pt", TorchScriptArchive("{}"));
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.1", "faces 2.0", "other 3"));
  EXPECT_THAT(sink_->release("week-48"), SizeIs(2));
}

}  // namespace
}  // namespace modeld
