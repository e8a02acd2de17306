// Backup and restore: what is sent, what is taken, and what comes of it.
#include "registry/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "registry/backup_writer.h"
#include "registry/base/file_lock.h"
#include "registry/restore.h"
#include "tests/registry/store_fixture.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Call = FaultyFileSystem::Call;

bool Never() { return false; }

class BackupTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    first_ = Add("digits", "1.0", std::string(3 << 20, 'x') + "one");  // more than one piece
    second_ = Add("digits", "1.1", "two");
    MakeLive("digits", "1.1");
  }

  std::string backup() const { return backup_ / "b"; }
  std::string target() const { return target_ / "state"; }

  absl::StatusOr<BackupSummary> BackUp() {
    absl::StatusOr<std::unique_ptr<BackupWriter>> writer = BackupWriter::Open(&backup_files_, backup());
    if (!writer.ok()) return writer.status();
    absl::StatusOr<std::vector<std::string>> have = (*writer)->Have();
    if (!have.ok()) return have.status();
    v1::BackupRequest request;
    request.mutable_have_sha256()->Assign(have->begin(), have->end());
    const absl::Status sent = care_->Backup(
        request, [&](const v1::BackupResponse& part) { return (*writer)->Take(part); }, Never);
    if (!sent.ok()) return sent;
    return (*writer)->Finish();
  }
  absl::StatusOr<RestoreSummary> Restore(bool force = false) {
    return RestoreBackup(restore_files_, clock_,
                         {.backup = backup(), .state_directory = target(), .force = force, .actor = "ann"});
  }

  // What a directory holds as a state directory: "digits 1.1 live: two".
  std::vector<std::string> Contents(const std::string& directory) {
    std::vector<std::string> texts;
    absl::StatusOr<std::unique_ptr<Registry>> registry =
        Registry::Open(directory + "/registry.db", Registry::Mode::kReadOnly);
    EXPECT_OK(registry);
    if (!registry.ok()) return texts;
    EXPECT_THAT(*(*registry)->CheckIntegrity(), IsEmpty());
    const absl::StatusOr<std::vector<ModelRecord>> models = (*registry)->ListModels();
    EXPECT_OK(models);
    for (const ModelRecord& model : *models) {
      for (const VersionRecord& version : model.versions) {
        const std::string content = Content(absl::StrCat(directory, "/", ArtifactPath(version.sha256)));
        texts.push_back(absl::StrCat(model.name, " ", version.version,
                                     LiveVersion(model.live) == version.version ? " live: " : ": ",
                                     content.substr(content.size() < 3 ? 0 : content.size() - 3)));
      }
    }
    return texts;
  }
  std::vector<std::string> Original() { return {"digits 1.0: one", "digits 1.1 live: two"}; }

  TempDir backup_;
  TempDir target_;
  FaultyFileSystem backup_files_;
  FaultyFileSystem restore_files_;
  std::string first_, second_;
};

TEST_F(BackupTest, ABackupIsLaidOutAsAStateDirectory) {
  ASSERT_OK_AND_ASSIGN(const BackupSummary summary, BackUp());
  EXPECT_EQ(summary.artifacts, 2);
  EXPECT_EQ(summary.received_artifacts, 2);
  EXPECT_EQ(summary.bytes, (3 << 20) + 6);
  EXPECT_THAT(summary.left_out, IsEmpty());
  EXPECT_EQ(Contents(backup()), Original());
  EXPECT_FALSE(std::filesystem::exists(backup() + "/registry.db-wal"));
  struct stat status;
  ASSERT_EQ(::stat((backup() + "/registry.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  // Nothing is left behind on either side.
  EXPECT_THAT(*FileSystem::Real()->List(backup() + "/artifacts/staging"), IsEmpty());
  EXPECT_THAT(*FileSystem::Real()->List(state_ / "artifacts/staging"), IsEmpty());
}

TEST_F(BackupTest, ADaemonsStateDirectoryIsNoPlaceForABackup) {
  ASSERT_OK(BackUp());
  std::filesystem::create_directory(backup() + "/artifacts/uploads");  // a daemon ran there
  EXPECT_THAT(BackUp(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("state directory")));
}

TEST_F(BackupTest, TheNextBackupBringsOnlyWhatIsNew) {
  ASSERT_OK(BackUp());
  Add("digits", "1.2", "three");
  ASSERT_OK_AND_ASSIGN(const BackupSummary summary, BackUp());
  EXPECT_EQ(summary.artifacts, 3);
  EXPECT_EQ(summary.received_artifacts, 1);
  EXPECT_THAT(Contents(backup()), ElementsAre("digits 1.0: one", "digits 1.1 live: two", "digits 1.2: ree"));
}

TEST_F(BackupTest, CollectedVersionsAreBackedUpWithoutTheirArtifacts) {
  ASSERT_OK(keeper_->Collect("digits", "1.0", "ann", ""));
  std::filesystem::remove(store_->PathOf(first_));
  ASSERT_OK_AND_ASSIGN(const BackupSummary summary, BackUp());
  EXPECT_EQ(summary.artifacts, 1);
  EXPECT_THAT(summary.left_out, IsEmpty());
}

TEST_F(BackupTest, WhatIsWrittenMeanwhileDoesNotSpoilIt) {
  std::atomic<bool> done = false;
  std::atomic<int> written = 0;
  std::thread writer([&] {
    for (int i = 0; !done || i < 3; ++i) {
      Add("faces", absl::StrCat("1.", i), absl::StrCat("bytes of ", i));
      MakeLive("faces", absl::StrCat("1.", i));
      ++written;
    }
  });
  while (written < 2) std::this_thread::yield();
  for (int round = 0; round < 5; ++round) {
    const absl::StatusOr<BackupSummary> summary = BackUp();
    EXPECT_OK(summary);
    // Whole: every version has its bytes, and the last of faces is live.
    const std::vector<std::string> contents = Contents(backup());
    EXPECT_GE(contents.size(), 4u);
    EXPECT_EQ(contents[0], "digits 1.0: one");
  }
  done = true;
  writer.join();
}

TEST_F(BackupTest, GarbageIsNotCollectedWhileABackupRuns) {
  v1::CollectGarbageRequest garbage;
  garbage.set_apply(true);
  absl::Status collected;
  ASSERT_OK(care_->Backup(
      {},
      [&](const v1::BackupResponse&) {
        collected = care_->CollectGarbage(garbage).status();
        return absl::OkStatus();
      },
      Never));
  EXPECT_THAT(collected, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a backup is running")));
  EXPECT_TRUE(store_->Contains(first_));
  EXPECT_OK(care_->CollectGarbage(garbage));
}

TEST_F(BackupTest, ADamagedArtifactEndsIt) {
  ASSERT_OK(BackUp());
  Add("digits", "1.2", "three");
  const std::string third = Version("digits", "1.2").sha256;
  ASSERT_NO_FATAL_FAILURE(FlipByte(third));
  EXPECT_THAT(BackUp(), StatusIs(absl::StatusCode::kDataLoss,
                                 AllOf(HasSubstr(third), HasSubstr("digits 1.2"), HasSubstr("is damaged"))));
  EXPECT_EQ(Contents(backup()), Original());  // the earlier one
}

TEST_F(BackupTest, AMissingArtifactEndsItUnlessNobodyServesIt) {
  std::filesystem::remove(store_->PathOf(first_));
  EXPECT_THAT(BackUp(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("digits 1.0 is missing")));
  ASSERT_OK(keeper_->Quarantine("digits", "1.0", "ann", "gone"));
  ASSERT_OK_AND_ASSIGN(const BackupSummary summary, BackUp());
  EXPECT_THAT(summary.left_out, ElementsAre(first_ + " of digits 1.0"));
  ASSERT_OK_AND_ASSIGN(const RestoreSummary restored, Restore());
  EXPECT_THAT(restored.left_out, ElementsAre(first_ + " of digits 1.0"));
}

TEST_F(BackupTest, ADamagedArtifactOfAQuarantinedVersionIsLeftOut) {
  ASSERT_NO_FATAL_FAILURE(FlipByte(first_));
  ASSERT_OK(keeper_->Quarantine("digits", "1.0", "ann", "damaged"));
  ASSERT_OK_AND_ASSIGN(const BackupSummary summary, BackUp());
  EXPECT_THAT(summary.left_out, ElementsAre(first_ + " of digits 1.0"));
}

TEST_F(BackupTest, ItCanBeGivenUpAndThenTheStoreIsFree) {
  int asked = 0;
  EXPECT_THAT(care_->Backup(
                  {}, [](const auto&) { return absl::OkStatus(); }, [&] { return ++asked == 3; }),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("given up")));
  EXPECT_THAT(*FileSystem::Real()->List(state_ / "artifacts/staging"), IsEmpty());
  v1::CollectGarbageRequest garbage;
  garbage.set_apply(true);
  EXPECT_OK(care_->CollectGarbage(garbage));
}

TEST_F(BackupTest, AForeignDirectoryIsNotWrittenTo) {
  backup_.Write("b/thesis.tex", "precious");
  EXPECT_THAT(BackUp(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("thesis.tex")));
  EXPECT_FALSE(std::filesystem::exists(backup() + "/artifacts"));
}

TEST_F(BackupTest, TwoBackupsDoNotMeetInOneDirectory) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<BackupWriter> other,
                       BackupWriter::Open(FileSystem::Real(), backup()));
  EXPECT_THAT(BackUp(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
}

TEST_F(BackupTest, PartsThatAreNoneAreRefused) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<BackupWriter> writer,
                       BackupWriter::Open(FileSystem::Real(), backup()));
  v1::BackupResponse part;
  EXPECT_THAT(writer->Take(part), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither")));
  part.set_data("x");
  EXPECT_THAT(writer->Take(part), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without a file")));
  part.mutable_file()->set_sha256(first_);
  for (const char* path : {"../../etc/passwd", "/etc/passwd", "artifacts/sha256/ab/x", ""}) {
    part.mutable_file()->set_path(path);
    EXPECT_THAT(writer->Take(part), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no part of one")))
        << path;
  }
  part.mutable_file()->set_path(ArtifactPath(first_));
  part.mutable_file()->set_size_bytes(5);
  ASSERT_OK(writer->Take(part));
  part.set_data("wrong");
  ASSERT_OK(writer->Take(part));
  EXPECT_THAT(writer->Finish(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is not what was sent")));
  EXPECT_FALSE(std::filesystem::exists(backup() + "/" + ArtifactPath(first_)));
}

TEST_F(BackupTest, AnArtifactThatIsCutShortInTheEarlierBackupIsSentAgain) {
  ASSERT_OK(BackUp());
  const std::string path = backup() + "/" + ArtifactPath(second_);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  ASSERT_EQ(::truncate(path.c_str(), 1), 0);
  EXPECT_THAT(BackUp(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("back up once more")));
  ASSERT_OK(BackUp());
  EXPECT_EQ(Contents(backup()), Original());
}

TEST_F(BackupTest, EveryFaultOfTheBackupsDiskLeavesTheEarlierBackup) {
  ASSERT_OK(BackUp());
  const std::string earlier = Content(backup() + "/registry.db");
  Add("digits", "1.2", "three");
  for (const Call call : {Call::kCreateExclusive, Call::kWrite, Call::kFsync, Call::kRename, Call::kSetMode,
                          Call::kFsyncDirectory}) {
    for (int nth = 1; nth <= 20; ++nth) {
      const int before = backup_files_.count(call);
      backup_files_.FailNth(call, nth, absl::ResourceExhaustedError("no space left on device"));
      const absl::StatusOr<BackupSummary> summary = BackUp();
      backup_files_.Heal();
      if (backup_files_.count(call) < before + nth) break;  // it does not come so often
      EXPECT_THAT(summary, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space")));
      const size_t versions = Contents(backup()).size();
      // The last step of all is the sync after the rename: then the new one is there.
      EXPECT_TRUE(versions == 2 || (call == Call::kFsyncDirectory && versions == 3))
          << static_cast<int>(call);
      if (versions == 3) break;
    }
    std::ofstream(backup() + "/registry.db", std::ios::binary) << earlier;  // it succeeded in the end
  }
  backup_files_.LimitDiskSpace(100);
  EXPECT_FALSE(BackUp().ok());
  backup_files_.Heal();
  EXPECT_OK(BackUp());
}

// --- Restore ---

TEST_F(BackupTest, ARestoredStateIsTheOriginal) {
  ASSERT_OK(BackUp());
  ASSERT_OK_AND_ASSIGN(const RestoreSummary summary, Restore());
  EXPECT_EQ(summary.artifacts, 2);
  EXPECT_EQ(summary.replaced, "");
  EXPECT_THAT(*FileSystem::Real()->List(target()), ElementsAre("artifacts", "lock", "registry.db"));
  EXPECT_EQ(Contents(target()), Original());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> registry, Registry::Open(target() + "/registry.db"));
  ASSERT_OK_AND_ASSIGN(const std::vector<EventRecord> events,
                       registry->ListEvents({.model = "", .limit = 1}));
  EXPECT_EQ(events[0].action, action::kRestored);
  EXPECT_EQ(events[0].actor, "ann");
}

TEST_F(BackupTest, ARegistryThatIsThereIsNotOverwritten) {
  ASSERT_OK(BackUp());
  {
    std::filesystem::create_directories(target());
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> other, Registry::Open(target() + "/registry.db"));
    ASSERT_OK(other->RegisterVersion(TestVersion("mine", "1"), "{}", TestEvent(action::kRegistered, "mine")));
  }
  const std::string before = Content(target() + "/registry.db");
  EXPECT_THAT(Restore(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--force")));
  EXPECT_EQ(Content(target() + "/registry.db"), before);

  ASSERT_OK_AND_ASSIGN(const RestoreSummary summary, Restore(/*force=*/true));
  EXPECT_EQ(Contents(target()), Original());
  EXPECT_THAT(summary.replaced, HasSubstr("registry.db.before-restore-2"));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> aside, Registry::Open(summary.replaced));
  EXPECT_EQ(aside->ListModels()->at(0).name, "mine");
}

TEST_F(BackupTest, ADamagedRegistryCanBeReplacedAndItsLogGoesWithIt) {
  ASSERT_OK(BackUp());
  std::filesystem::create_directories(target());
  std::ofstream(target() + "/registry.db") << "rubbish";
  std::ofstream(target() + "/registry.db-wal") << "rubbish's log";
  ASSERT_OK_AND_ASSIGN(const RestoreSummary summary, Restore(/*force=*/true));
  EXPECT_EQ(Contents(target()), Original());
  EXPECT_EQ(Content(summary.replaced), "rubbish");
  // A second one in the same second does not overwrite the first one's.
  ASSERT_OK_AND_ASSIGN(const RestoreSummary again, Restore(/*force=*/true));
  EXPECT_NE(again.replaced, summary.replaced);
  EXPECT_EQ(Content(summary.replaced), "rubbish");
}

TEST_F(BackupTest, ADaemonThatRunsIsNotDisturbed) {
  ASSERT_OK(BackUp());
  std::filesystem::create_directories(target());
  ASSERT_OK_AND_ASSIGN(const FileLock daemon, FileLock::Acquire(target() + "/lock"));
  EXPECT_THAT(Restore(/*force=*/true),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("stop the daemon first")));
}

TEST_F(BackupTest, ADamagedBackupIsNotRestored) {
  ASSERT_OK(BackUp());
  const std::string path = backup() + "/" + ArtifactPath(second_);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  std::ofstream(path) << "tw0";
  EXPECT_THAT(Restore(),
              StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr(second_), HasSubstr("is damaged"))));
  EXPECT_FALSE(std::filesystem::exists(target() + "/registry.db"));
  std::filesystem::remove(path);
  EXPECT_THAT(Restore(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is missing")));

  std::ofstream(backup() + "/registry.db") << std::string(5000, 'r');
  EXPECT_THAT(Restore(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("the backup's registry cannot be used")));
  std::ofstream(backup() + "/registry.db") << "";
  EXPECT_THAT(Restore(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is empty")));
  std::filesystem::remove(backup() + "/registry.db");
  EXPECT_THAT(Restore(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no backup")));
  EXPECT_FALSE(std::filesystem::exists(target() + "/registry.db"));
}

TEST_F(BackupTest, ACopyOfAStateDirectoryWithItsLogIsABackupToo) {
  // As cp -r leaves it after a kill: the newest changes are in the log only.
  std::filesystem::create_directories(backup());
  std::filesystem::copy(state_.path(), backup(), std::filesystem::copy_options::recursive);
  std::filesystem::remove(backup() + "/registry.db-shm");
  ASSERT_TRUE(std::filesystem::exists(backup() + "/registry.db-wal"));
  ASSERT_OK(Restore());
  EXPECT_THAT(*FileSystem::Real()->List(target()), ElementsAre("artifacts", "lock", "registry.db"));
  EXPECT_EQ(Contents(target()), Original());
}

TEST_F(BackupTest, EveryFaultOfTheTargetsDiskLeavesTheRegistryThatWasThere) {
  ASSERT_OK(BackUp());
  std::filesystem::create_directories(target());
  std::ofstream(target() + "/registry.db") << "the old one";
  for (const Call call : {Call::kCreateExclusive, Call::kWrite, Call::kFsync, Call::kRename, Call::kSetMode,
                          Call::kRead, Call::kOpenForRead}) {
    restore_files_.FailAlways(Call::kClone, absl::UnimplementedError("cannot share blocks"));
    for (int nth = 1; nth <= 20; ++nth) {
      const int before = restore_files_.count(call);
      restore_files_.FailNth(call, nth, absl::UnavailableError("input/output error"));
      const absl::StatusOr<RestoreSummary> summary = Restore(/*force=*/true);
      if (restore_files_.count(call) < before + nth) break;  // it does not come so often, and succeeded
      EXPECT_THAT(summary, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("input/output")))
          << static_cast<int>(call) << " " << nth;
      EXPECT_EQ(Content(target() + "/registry.db"), "the old one") << static_cast<int>(call) << " " << nth;
    }
    restore_files_.Heal();
    // It succeeded in the end: back to the beginning.
    std::ofstream(target() + "/registry.db") << "the old one";
  }
  restore_files_.LimitDiskSpace(1 << 20);
  EXPECT_THAT(Restore(/*force=*/true), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space")));
  EXPECT_EQ(Content(target() + "/registry.db"), "the old one");
}

}  // namespace
}  // namespace modeld
