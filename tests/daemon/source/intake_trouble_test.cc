// Trouble with files and around them: links, permissions, faults of disks, a drop directory that is gone.
#include <sys/stat.h>

#include <filesystem>

#include "daemon/source/intake.h"
#include "tests/daemon/source/intake_fixture.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using IntakeTroubleTest = IntakeTest;

// --- Links, pipes, names ---

TEST_F(IntakeTroubleTest, ASymbolicLinkOutOfTheDirectoryIsQuarantinedAndNeverOpened) {
  dir_.Write("secret.pt", Archive("1.0"));
  fs::create_symlink("../secret.pt", drop_ + "/digits.pt");
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("leads out of the drop directory"));
  EXPECT_THAT(Events(action::kQuarantined), SizeIs(1));
  EXPECT_EQ(opens(), 0);
  for (int i = 0; i < 3; ++i) StepAfter(absl::Minutes(1));
  EXPECT_THAT(Events(action::kQuarantined), SizeIs(1));
}

TEST_F(IntakeTroubleTest, ADanglingLinkIsTakenWhenItsTargetComes) {
  fs::create_symlink(".store", drop_ + "/digits.pt");
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  Drop(".store", Archive("1.0"));
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
}

TEST_F(IntakeTroubleTest, APipeIsQuarantinedAndNeverOpened) {
  ASSERT_EQ(::mkfifo((drop_ + "/digits.pt").c_str(), 0600), 0);
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_EQ(opens(), 0);
}

TEST_F(IntakeTroubleTest, AFileReplacedByAPipeSinceTheScanIsNotRegistered) {
  Drop("digits.pt", Archive("1.0"));
  intake_->Step();
  clock_.Advance(kSettle);
  file_system_.Before(Call::kOpenForRead, 1, [&] {
    Delete("digits.pt");
    ASSERT_EQ(::mkfifo((drop_ + "/digits.pt").c_str(), 0600), 0);
  });
  intake_->Step();
  EXPECT_EQ(sink_->calls(), 0);
  Settle();
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("not a regular file"));
}

TEST_F(IntakeTroubleTest, ANameThatIsNoTextIsQuarantinedUnderAPrintableName) {
  Drop("bad\xff.pt", Archive("1.0"));
  Settle();
  EXPECT_EQ(OnlyDropped().path, "bad\\xff.pt");
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_THAT(Remembered(), ElementsAre(Field(&FileRecord::path, "bad\\xff.pt")));
}

// --- Faults: tried again, with a back-off, and never recorded as the file's own ---

// Expects that the only file waits for a second try, then heals all and expects that it is taken.
#define EXPECT_RETRIED_AND_THEN_TAKEN(reason_matcher)                        \
  do {                                                                       \
    EXPECT_EQ(OnlyDropped().state, DroppedState::kRetrying);                 \
    EXPECT_THAT(OnlyDropped().reason, reason_matcher);                       \
    EXPECT_THAT(Remembered(), IsEmpty());                                    \
    EXPECT_THAT(Events(action::kQuarantined), IsEmpty());                    \
    EXPECT_EQ(staging_files(), 0);                                           \
    file_system_.Heal();                                                     \
    store_file_system_.Heal();                                               \
    sink_->FailWith(absl::OkStatus());                                       \
    StepAfter(absl::Milliseconds(999));                                      \
    EXPECT_THAT(sink_->names(), IsEmpty()) << "before the back-off is over"; \
    StepAfter(absl::Milliseconds(1));                                        \
    EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));                  \
    EXPECT_THAT(intake_->dropped_files(), IsEmpty());                        \
  } while (false)

TEST_F(IntakeTroubleTest, AnUnreadableFileIsRetried) {
  Drop("digits.pt", Archive("1.0"));
  file_system_.FailPath(Call::kOpenForRead, drop_ + "/digits.pt",
                        absl::PermissionDeniedError("cannot open \"digits.pt\": permission denied"));
  Settle();
  EXPECT_RETRIED_AND_THEN_TAKEN(HasSubstr("permission denied"));
}

TEST_F(IntakeTroubleTest, AFullDiskWhileStagingIsRetried) {
  Drop("digits.pt", Archive("1.0"));
  store_file_system_.LimitDiskSpace(100);
  Settle();
  EXPECT_RETRIED_AND_THEN_TAKEN(HasSubstr("no space left"));
}

TEST_F(IntakeTroubleTest, AnErrorOfTheDiskWhileCopyingIsRetried) {
  Drop("digits.pt", Archive("1.0"));
  store_file_system_.FailAlways(Call::kRead, absl::UnavailableError("input/output error"));
  Settle();
  EXPECT_RETRIED_AND_THEN_TAKEN("input/output error");
}

TEST_F(IntakeTroubleTest, AnErrorOfTheDiskIsNotTakenForATruncatedFile) {
  Drop("digits.pt", Archive("1.0"));
  // The second open is the inspection's.
  file_system_.FailNth(Call::kOpenForRead, 2, absl::UnavailableError("stale file handle"));
  Settle();
  EXPECT_RETRIED_AND_THEN_TAKEN("stale file handle");
}

TEST_F(IntakeTroubleTest, AFailingSyncOfTheStoreIsRetried) {
  Drop("digits.pt", Archive("1.0"));
  store_file_system_.FailAlways(Call::kFsyncDirectory, absl::UnavailableError("input/output error"));
  Settle();
  EXPECT_EQ(sink_->calls(), 0) << "nothing may refer to an artifact that a crash could take away";
  EXPECT_RETRIED_AND_THEN_TAKEN("input/output error");
}

TEST_F(IntakeTroubleTest, AFailingRegistrationIsRetried) {
  Drop("digits.pt", Archive("1.0"));
  sink_->FailWith(absl::InternalError("the registry has trouble"));
  Settle();
  EXPECT_RETRIED_AND_THEN_TAKEN("the registry has trouble");
}

TEST_F(IntakeTroubleTest, AMissingStagingDirectoryIsNotTakenForAVanishedFile) {
  Drop("digits.pt", Archive("1.0"));
  store_file_system_.FailAlways(Call::kCreateExclusive, absl::NotFoundError("no such directory"));
  Settle();
  EXPECT_RETRIED_AND_THEN_TAKEN("no such directory");
}

TEST_F(IntakeTroubleTest, AFailingRecordIsRetried) {
  Drop("digits.pt", Archive("1.0"));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> read_only,
                       Registry::Open(dir_ / "registry.db", Registry::Mode::kReadOnly));
  Intake intake(&file_system_, &clock_, read_only.get(), store_.get(), sink_.get(), nullptr,
                {.drop_directory = drop_, .settle = {}, .inspect = {}});
  intake.Step();
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(intake.Step(), clock_.Now() + absl::Seconds(1));
  EXPECT_THAT(intake.dropped_files(), ElementsAre(Field(&DroppedFileView::state, DroppedState::kRetrying)));
  clock_.Advance(absl::Seconds(1));
  intake.Step();
  EXPECT_EQ(sink_->calls(), 2) << "taking a file twice does no harm";
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
}

TEST_F(IntakeTroubleTest, RetriesBackOffAndARequestCutsThatShort) {
  Drop("digits.pt", Archive("1.0"));
  sink_->FailWith(absl::InternalError("the registry has trouble"));
  Settle();
  const absl::Time since = OnlyDropped().since;
  EXPECT_EQ(intake_->Step(), clock_.Now() + absl::Seconds(1));
  StepAfter(absl::Seconds(1));
  EXPECT_EQ(intake_->Step(), clock_.Now() + absl::Seconds(2));
  EXPECT_EQ(sink_->calls(), 2);
  EXPECT_EQ(OnlyDropped().since, since);

  sink_->FailWith(absl::OkStatus());
  intake_->RequestRescan();
  intake_->Step();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
}

TEST_F(IntakeTroubleTest, AFileThatWaitsForARetryIsTriedAgainAfterARestart) {
  Drop("digits.pt", Archive("1.0"));
  sink_->FailWith(absl::InternalError("the registry has trouble"));
  Settle();
  sink_->FailWith(absl::OkStatus());
  Restart();
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
}

// --- Files that change under our hands ---

TEST_F(IntakeTroubleTest, AFileThatVanishesWhileItIsReadIsForgotten) {
  Drop("digits.pt", Archive("1.0"));
  intake_->Step();
  clock_.Advance(kSettle);
  store_file_system_.Before(Call::kOpenForRead, 1, [&] { Delete("digits.pt"); });
  intake_->Step();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
  EXPECT_EQ(intake_->Step(), absl::InfiniteFuture());
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(Remembered(), IsEmpty());
  EXPECT_THAT(Events(action::kQuarantined), IsEmpty());
  EXPECT_EQ(staging_files(), 0);
  EXPECT_EQ(sink_->calls(), 0);
}

TEST_F(IntakeTroubleTest, AFileThatVanishesBeforeItIsOpenedIsForgotten) {
  Drop("digits.pt", Archive("1.0"));
  intake_->Step();
  clock_.Advance(kSettle);
  file_system_.Before(Call::kOpenForRead, 1, [&] { Delete("digits.pt"); });
  intake_->Step();
  EXPECT_EQ(intake_->Step(), absl::InfiniteFuture());
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(Remembered(), IsEmpty());
}

TEST_F(IntakeTroubleTest, AFileThatChangesWhileItIsCopiedSettlesAnewAndIsTakenAsItIsThen) {
  Drop("digits.pt", Archive("1.0", "old"));
  intake_->Step();
  clock_.Advance(kSettle);
  store_file_system_.Before(Call::kRead, 2, [&] { Drop("digits.pt", Archive("1.1", "newer")); });
  EXPECT_EQ(intake_->Step(), clock_.Now() + kSettle);
  EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
  EXPECT_THAT(sink_->names(), IsEmpty());
  EXPECT_THAT(Remembered(), IsEmpty());
  EXPECT_EQ(staging_files(), 0);
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.1"));
}

// --- The drop directory itself ---

TEST_F(IntakeTroubleTest, ADeletedDropDirectoryIsTroubleAndNothingIsForgotten) {
  Drop("good.pt", Archive("1.0"));
  Drop("bad.pt", TorchScriptZip({}).Build());
  Settle();
  EXPECT_OK(intake_->source_status());
  fs::rename(drop_, dir_ / "away");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(intake_->Step(), absl::InfiniteFuture());
    EXPECT_THAT(intake_->source_status(),
                StatusIs(absl::StatusCode::kNotFound,
                         AllOf(HasSubstr("drop directory \"" + drop_ + "\" cannot be read"),
                               HasSubstr("stays served"), HasSubstr("mount it"))));
  }
  EXPECT_THAT(Events(action::kSourceLost), ElementsAre(Field(&EventRecord::reason, HasSubstr(drop_))));
  EXPECT_THAT(Remembered(), SizeIs(2));
  EXPECT_THAT(intake_->dropped_files(), SizeIs(1));

  const int before = opens();
  fs::rename(dir_ / "away", drop_);
  Settle();
  EXPECT_OK(intake_->source_status());
  EXPECT_THAT(Events(action::kSourceRestored), SizeIs(1));
  EXPECT_EQ(opens(), before);
  EXPECT_EQ(sink_->calls(), 1);

  Drop("new.pt", Archive("1.0"));
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("good 1.0", "new 1.0"));
}

TEST_F(IntakeTroubleTest, AnUnreadableDropDirectoryIsTrouble) {
  file_system_.FailPath(Call::kList, drop_, absl::PermissionDeniedError("cannot list: permission denied"));
  intake_->Step();
  EXPECT_THAT(intake_->source_status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("grant access")));
}

TEST_F(IntakeTroubleTest, AFileThatIsDueWaitsWhileTheDropDirectoryIsGone) {
  Drop("digits.pt", Archive("1.0"));
  intake_->Step();
  fs::rename(drop_, dir_ / "away");
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(intake_->Step(), absl::InfiniteFuture());
  fs::rename(dir_ / "away", drop_);
  intake_->Step();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
}

TEST_F(IntakeTroubleTest, AnUnmountedDropDirectoryForgetsFilesAndNoVersions) {
  Drop("digits.pt", Archive("1.0"));
  Settle();
  Delete("digits.pt");  // an unmounted mount point is an empty directory
  intake_->Step();
  EXPECT_OK(intake_->source_status());
  EXPECT_THAT(Remembered(), IsEmpty());
  EXPECT_EQ(sink_->calls(), 1);
  EXPECT_TRUE(store_->Contains(sink_->version("digits 1.0").sha256));
}

TEST_F(IntakeTroubleTest, FilesInADirectoryThatCannotBeReadAreNotForgotten) {
  Drop("digits/good.pt", Archive("1.0"));
  Drop("digits/bad.pt", TorchScriptZip({}).Build());
  Drop("digits-2/x.pt", Archive("1.0"));
  Settle();
  Delete("digits-2");
  file_system_.FailPath(Call::kList, drop_ + "/digits", absl::PermissionDeniedError("permission denied"));
  intake_->Step();
  EXPECT_THAT(Remembered(), ElementsAre(Field(&FileRecord::path, "digits/bad.pt"),
                                        Field(&FileRecord::path, "digits/good.pt")));
  const std::vector<DroppedFileView> shown = intake_->dropped_files();
  ASSERT_THAT(shown, ElementsAre(Field(&DroppedFileView::path, "digits"),
                                 Field(&DroppedFileView::path, "digits/bad.pt")));
  EXPECT_EQ(shown[0].state, DroppedState::kRetrying);
  EXPECT_EQ(shown[0].reason, "permission denied");
  EXPECT_EQ(shown[0].model, "digits");

  const int before = opens();
  file_system_.Heal();
  Settle();
  EXPECT_EQ(OnlyDropped().path, "digits/bad.pt");
  EXPECT_EQ(opens(), before);
}

}  // namespace
}  // namespace modeld
