#include "registry/artifact_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>

#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Call = FaultyFileSystem::Call;

// From FIPS 180-4's examples.
constexpr char kSha256OfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kSha256OfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

class ArtifactStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() { ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(&files_, dir_ / "store")); }
  // File systems differ in whether they share blocks; most tests want the copy.
  void CannotClone() { files_.FailAlways(Call::kClone, absl::UnimplementedError("cannot share blocks")); }

  absl::StatusOr<StagedArtifact> Stage(const std::string& path) {
    absl::StatusOr<FileStat> stat = FileSystem::Real()->Stat(path);
    if (!stat.ok()) return stat.status();
    return store_->Stage(path, stat->identity);
  }
  std::vector<std::string> Staging() { return *FileSystem::Real()->List(dir_ / "store/staging"); }
  std::string Content(const std::string& path) { return *ReadFile(*FileSystem::Real(), path, 100 << 20); }

  const TempDir dir_;
  FaultyFileSystem files_;
  std::unique_ptr<ArtifactStore> store_;
};

TEST_F(ArtifactStoreTest, CommitPutsTheBytesInTheirPlace) {
  const std::string source = dir_.Write("a.pt", "abc");
  ASSERT_OK_AND_ASSIGN(StagedArtifact staged, Stage(source));
  EXPECT_EQ(staged.sha256(), kSha256OfAbc);
  EXPECT_EQ(staged.size_bytes(), 3);
  EXPECT_EQ(Content(staged.path()), "abc");
  EXPECT_FALSE(store_->Contains(kSha256OfAbc));

  ASSERT_OK(staged.Commit());
  EXPECT_TRUE(store_->Contains(kSha256OfAbc));
  const std::string place = store_->PathOf(kSha256OfAbc);
  EXPECT_EQ(place, dir_ / "store/sha256/ba/" + kSha256OfAbc);
  EXPECT_EQ(Content(place), "abc");
  struct stat status;
  ASSERT_EQ(::stat(place.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0400u);
  EXPECT_THAT(Staging(), IsEmpty());
  EXPECT_OK(staged.Commit());  // again: nothing to do
  EXPECT_EQ(Content(source), "abc");
}

TEST_F(ArtifactStoreTest, ForgettingToCommitLeavesNothing) {
  {
    ASSERT_OK_AND_ASSIGN(const StagedArtifact staged, Stage(dir_.Write("a.pt", "abc")));
    EXPECT_EQ(Staging().size(), 1u);
  }
  EXPECT_THAT(Staging(), IsEmpty());
  EXPECT_FALSE(store_->Contains(kSha256OfAbc));
}

TEST_F(ArtifactStoreTest, MovingAStagedArtifactKeepsExactlyOneCopy) {
  ASSERT_OK_AND_ASSIGN(StagedArtifact first, Stage(dir_.Write("a.pt", "abc")));
  ASSERT_OK_AND_ASSIGN(StagedArtifact second, Stage(dir_.Write("b.pt", "")));
  second = std::move(first);  // the copy of b.pt goes
  EXPECT_EQ(Staging().size(), 1u);
  StagedArtifact third(std::move(second));
  ASSERT_OK(third.Commit());
  EXPECT_TRUE(store_->Contains(kSha256OfAbc));
  EXPECT_FALSE(store_->Contains(kSha256OfNothing));
}

TEST_F(ArtifactStoreTest, CopyAndCloneAgree) {
  CannotClone();
  std::string content;
  for (int i = 0; content.size() < (3u << 20) + 17; ++i) content += std::to_string(i);
  const std::string source = dir_.Write("big.pt", content);
  ASSERT_OK_AND_ASSIGN(const StagedArtifact copied, Stage(source));
  files_.Heal();
  ASSERT_OK_AND_ASSIGN(const StagedArtifact either, Stage(source));
  EXPECT_EQ(copied.sha256(), either.sha256());
  EXPECT_TRUE(Content(copied.path()) == content);
  EXPECT_TRUE(Content(either.path()) == content);
}

TEST_F(ArtifactStoreTest, ShortReadsChangeNothing) {
  CannotClone();
  files_.LimitReadSize(1);
  ASSERT_OK_AND_ASSIGN(const StagedArtifact staged, Stage(dir_.Write("a.pt", "abc")));
  EXPECT_EQ(staged.sha256(), kSha256OfAbc);
  EXPECT_EQ(Content(staged.path()), "abc");
}

TEST_F(ArtifactStoreTest, AnEmptyFileIsAnArtifactToo) {
  ASSERT_OK_AND_ASSIGN(StagedArtifact staged, Stage(dir_.Write("a.pt", "")));
  EXPECT_EQ(staged.sha256(), kSha256OfNothing);
  EXPECT_OK(staged.Commit());
}

TEST_F(ArtifactStoreTest, TheSameBytesTwiceAreOneArtifact) {
  ASSERT_OK_AND_ASSIGN(StagedArtifact first, Stage(dir_.Write("a.pt", "abc")));
  ASSERT_OK_AND_ASSIGN(StagedArtifact second, Stage(dir_.Write("b.pt", "abc")));
  ASSERT_OK(first.Commit());
  ASSERT_OK(second.Commit());
  EXPECT_TRUE(store_->Contains(kSha256OfAbc));
  EXPECT_THAT(Staging(), IsEmpty());
}

// One of the right size was taken for whole, and dropping the file again did not help.
TEST_F(ArtifactStoreTest, AnArtifactDamagedFromOutsideIsReplaced) {
  std::filesystem::create_directories(dir_ / "store/sha256/ba");
  for (const char* damaged : {"a", "abd"}) {
    const std::string place = dir_.Write(std::string("store/sha256/ba/") + kSha256OfAbc, damaged);
    ASSERT_OK_AND_ASSIGN(StagedArtifact staged, Stage(dir_.Write("a.pt", "abc")));
    ASSERT_OK(staged.Commit());
    EXPECT_EQ(Content(place), "abc") << damaged;
    std::filesystem::remove(place);
  }
}

TEST_F(ArtifactStoreTest, OpenRemovesWhatACrashLeftInStaging) {
  dir_.Write("store/staging/123-1", "half a copy");
  ASSERT_OK_AND_ASSIGN(StagedArtifact staged, Stage(dir_.Write("a.pt", "abc")));
  ASSERT_OK(staged.Commit());
  Open();
  EXPECT_THAT(Staging(), IsEmpty());
  EXPECT_TRUE(store_->Contains(kSha256OfAbc));
}

TEST_F(ArtifactStoreTest, ADirectoryInStagingKeepsNobodyFromOpening) {
  std::filesystem::create_directories(dir_ / "store/staging/dir");
  Open();
  EXPECT_THAT(Staging(), ::testing::ElementsAre("dir"));
}

TEST_F(ArtifactStoreTest, OpenSaysWhatItCannotMake) {
  dir_.Write("file", "");
  EXPECT_THAT(ArtifactStore::Open(&files_, dir_ / "file"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("file/")));
}

TEST_F(ArtifactStoreTest, AFileThatIsNotTheExpectedOneIsNotTaken) {
  const std::string path = dir_.Write("a.pt", "abc");
  ASSERT_OK_AND_ASSIGN(const FileStat seen, FileSystem::Real()->Stat(path));
  std::filesystem::rename(dir_.Write("b.pt", "xyz"), path);
  EXPECT_THAT(store_->Stage(path, seen.identity),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("a.pt\" changed")));
  EXPECT_THAT(Staging(), IsEmpty());
}

TEST_F(ArtifactStoreTest, AFileThatChangesWhileItIsReadIsNotTaken) {
  CannotClone();
  const std::string path = dir_.Write("a.pt", std::string(3 << 20, 'a'));
  files_.Before(Call::kRead, 2, [&] { dir_.Write("a.pt", std::string(4 << 20, 'b')); });
  EXPECT_THAT(Stage(path), StatusIs(absl::StatusCode::kAborted, HasSubstr("changed while it was read")));
  EXPECT_THAT(Staging(), IsEmpty());
}

TEST_F(ArtifactStoreTest, AFileThatShrinksWhileItIsReadIsNotTaken) {
  CannotClone();
  const std::string path = dir_.Write("a.pt", std::string(3 << 20, 'a'));
  files_.Before(Call::kRead, 2, [&] { std::filesystem::resize_file(path, 10); });
  EXPECT_THAT(Stage(path), StatusIs(absl::StatusCode::kAborted, HasSubstr("changed while it was read")));
}

TEST_F(ArtifactStoreTest, AFileThatVanishesIsNotTaken) {
  CannotClone();
  const std::string path = dir_.Write("a.pt", std::string(3 << 20, 'a'));
  ASSERT_OK_AND_ASSIGN(const FileStat seen, FileSystem::Real()->Stat(path));
  files_.Before(Call::kRead, 2, [&] { std::filesystem::remove(path); });
  EXPECT_THAT(store_->Stage(path, seen.identity), StatusIs(absl::StatusCode::kAborted, HasSubstr("changed")));
  EXPECT_THAT(store_->Stage(path, seen.identity), StatusIs(absl::StatusCode::kNotFound, HasSubstr("a.pt")));
  EXPECT_THAT(Staging(), IsEmpty());
}

TEST_F(ArtifactStoreTest, ADirectoryIsNoArtifact) {
  std::filesystem::create_directory(dir_ / "a.pt");
  EXPECT_THAT(Stage(dir_ / "a.pt"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

TEST_F(ArtifactStoreTest, AFullDiskLeavesNothingAndIsNoLastingTrouble) {
  CannotClone();
  const std::string path = dir_.Write("a.pt", std::string(3 << 20, 'a'));
  files_.LimitDiskSpace(2 << 20);
  EXPECT_THAT(Stage(path), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space left")));
  EXPECT_THAT(Staging(), IsEmpty());
  files_.Heal();
  ASSERT_OK_AND_ASSIGN(StagedArtifact staged, Stage(path));
  EXPECT_OK(staged.Commit());
}

TEST_F(ArtifactStoreTest, AnyFailedStepOfStagingIsReportedAndLeavesNothing) {
  const std::string path = dir_.Write("a.pt", "abc");
  for (const Call call : {Call::kOpenForRead, Call::kStatDescriptor, Call::kCreateExclusive, Call::kRead,
                          Call::kWrite, Call::kSetMode, Call::kFsync}) {
    files_.Heal();
    CannotClone();
    files_.FailNth(call, 1, absl::UnavailableError("injected"));
    EXPECT_THAT(Stage(path), StatusIs(absl::StatusCode::kUnavailable, "injected")) << static_cast<int>(call);
    EXPECT_THAT(Staging(), IsEmpty()) << static_cast<int>(call);
  }
}

TEST_F(ArtifactStoreTest, AnUnreadableFileIsReported) {
  const std::string path = dir_.Write("a.pt", "abc");
  files_.FailPath(Call::kOpenForRead, path, absl::PermissionDeniedError("cannot open: permission denied"));
  EXPECT_THAT(Stage(path), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("permission denied")));
}

TEST_F(ArtifactStoreTest, AFailedCommitMayBeRepeated) {
  const std::string path = dir_.Write("a.pt", "abc");
  const std::pair<Call, int> steps[] = {{Call::kMakeDirectories, 1},
                                        {Call::kFsyncDirectory, 1},
                                        {Call::kRename, 1},
                                        {Call::kFsyncDirectory, 2}};
  for (const auto& [call, nth] : steps) {
    std::filesystem::remove(store_->PathOf(kSha256OfAbc));
    ASSERT_OK_AND_ASSIGN(StagedArtifact staged, Stage(path));
    files_.FailNth(call, nth, absl::UnavailableError("injected"));
    EXPECT_THAT(staged.Commit(), StatusIs(absl::StatusCode::kUnavailable, "injected"))
        << static_cast<int>(call);
    ASSERT_OK(staged.Commit()) << static_cast<int>(call);
    EXPECT_EQ(Content(store_->PathOf(kSha256OfAbc)), "abc");
    EXPECT_THAT(Staging(), IsEmpty());
  }
}

TEST_F(ArtifactStoreTest, TheCopyIsSyncedBeforeItIsRenamedAndTheDirectoryAfter) {
  std::vector<std::string> order;
  ASSERT_OK_AND_ASSIGN(StagedArtifact staged, [&] {
    files_.Before(Call::kFsync, 1, [&] { order.push_back("sync file"); });
    return Stage(dir_.Write("a.pt", "abc"));
  }());
  files_.Before(Call::kRename, 1, [&] { order.push_back("rename"); });
  files_.Before(Call::kFsyncDirectory, 2, [&] { order.push_back("sync directory"); });
  ASSERT_OK(staged.Commit());
  EXPECT_THAT(order, ::testing::ElementsAre("sync file", "rename", "sync directory"));
}

}  // namespace
}  // namespace modeld
