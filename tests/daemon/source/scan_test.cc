#include "daemon/source/scan.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Call = FaultyFileSystem::Call;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

MATCHER_P(PathIs, path, "") { return arg.path == path; }
MATCHER_P(StatusOfFile, matcher, "") {
  return ::testing::ExplainMatchResult(matcher, arg.status, result_listener);
}

class ScanTest : public ::testing::Test {
 protected:
  ScanResult ScanAll() {
    absl::StatusOr<ScanResult> result = Scan(file_system_, drop_);
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : ScanResult{};
  }

  // The one file that a scan finds.
  ScannedFile ScanOne() {
    ScanResult result = ScanAll();
    EXPECT_EQ(result.files.size(), 1u);
    return result.files.empty() ? ScannedFile{} : result.files[0];
  }

  FileIdentity IdentityOf(const std::string& path) { return file_system_.Stat(path).value().identity; }

  TempDir dir_;
  const std::string drop_ = fs::canonical(dir_.path()).string() + "/drop";
  const bool made_ = fs::create_directory(drop_);
  FaultyFileSystem file_system_;
};

TEST_F(ScanTest, AnEmptyDirectoryHoldsNothing) {
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.directories, ElementsAre(""));
  EXPECT_THAT(result.unreadable, IsEmpty());
  EXPECT_THAT(result.warnings, IsEmpty());
}

TEST_F(ScanTest, FindsTheThreeLayoutsByPath) {
  dir_.Write("drop/digits/3/model.pt", "abc");
  dir_.Write("drop/digits/second.pth", "abc");
  dir_.Write("drop/b.onnx", "abc");
  dir_.Write("drop/a.pt2", "abc");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(PathIs("a.pt2"), PathIs("b.onnx"), PathIs("digits/3/model.pt"),
                                        PathIs("digits/second.pth")));
  EXPECT_THAT(result.directories, ElementsAre("", "digits", "digits/3"));
  const ScannedFile& file = result.files[2];
  EXPECT_OK(file.status);
  EXPECT_EQ(file.full_path, drop_ + "/digits/3/model.pt");
  EXPECT_EQ(file.identity, IdentityOf(file.full_path));
  EXPECT_EQ(file.identity.size, 3);
  EXPECT_EQ(file.sidecar, FileIdentity{});
  EXPECT_EQ(file.sidecar_path, drop_ + "/digits/3/model.pt.config.json");
}

TEST_F(ScanTest, FilesAreSortedByWholePath) {
  // Bytewise `-` comes before `/`, so the order of names in a directory is not the order of paths.
  dir_.Write("drop/a/x.pt", "");
  dir_.Write("drop/a-b.pt", "");
  EXPECT_THAT(ScanAll().files, ElementsAre(PathIs("a-b.pt"), PathIs("a/x.pt")));
}

TEST_F(ScanTest, LeavesOutWhatIsNoModelFile) {
  for (const char* name : {"README.md", ".hidden.pt", "copying.pt.part", "copying.pt.tmp", "old.pt~", "notes",
                           "digits.pt.config.json", ".git/x.pt", "upload.tmp/x.pt"}) {
    dir_.Write(std::string("drop/") + name, "x");
  }
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.directories, ElementsAre(""));
  EXPECT_THAT(result.warnings, IsEmpty());
}

TEST_F(ScanTest, DeeperFilesAreLeftOutWithOneWarning) {
  dir_.Write("drop/a/b/c/model.pt", "x");
  dir_.Write("drop/a/b/c/d/model.pt", "x");
  dir_.Write("drop/a/b/e/model.pt", "x");
  dir_.Write("drop/a/b/model.pt.golden/0", "x");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.directories, ElementsAre("", "a", "a/b"));
  EXPECT_THAT(result.warnings, ElementsAre(AllOf(HasSubstr("\"a/b/c/model.pt\""), HasSubstr("left out"))));
}

TEST_F(ScanTest, TellsOfTheSidecar) {
  dir_.Write("drop/x.pt", "x");
  EXPECT_EQ(ScanOne().sidecar, FileIdentity{});
  dir_.Write("drop/x.pt.config.json", "{}");
  EXPECT_EQ(ScanOne().sidecar, IdentityOf(drop_ + "/x.pt.config.json"));
}

// --- Symbolic links ---

TEST_F(ScanTest, ASymbolicLinkInsideIsFollowed) {
  dir_.Write("drop/.store/abc", "abc");
  fs::create_symlink(".store/abc", drop_ + "/digits.pt");
  const ScannedFile file = ScanOne();
  EXPECT_OK(file.status);
  EXPECT_EQ(file.path, "digits.pt");
  EXPECT_EQ(file.full_path, drop_ + "/.store/abc");
  EXPECT_EQ(file.identity, IdentityOf(drop_ + "/.store/abc"));
}

TEST_F(ScanTest, ASymbolicLinkOutOfTheDropDirectoryIsRefused) {
  dir_.Write("secret.pt", "secret");
  fs::create_symlink("../secret.pt", drop_ + "/relative.pt");
  fs::create_symlink(dir_ / "secret.pt", drop_ + "/absolute.pt");
  dir_.Write("drop-beside/x.pt", "x");
  fs::create_symlink("../drop-beside/x.pt", drop_ + "/same-prefix.pt");
  const ScanResult result = ScanAll();
  ASSERT_EQ(result.files.size(), 3u);
  for (const ScannedFile& file : result.files) {
    EXPECT_THAT(file.status, StatusIs(kInvalid, HasSubstr("leads out of the drop directory"))) << file.path;
    EXPECT_THAT(file.status, StatusIs(kInvalid, HasSubstr("\"" + file.path + "\""))) << file.path;
    EXPECT_NE(file.identity.size, 6) << "of the link, not of what it leads to";
  }
}

TEST_F(ScanTest, ASymbolicLinkToADirectoryOutsideIsAWarning) {
  dir_.Write("outside/x.pt", "x");
  fs::create_directory_symlink("../outside", drop_ + "/digits");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.directories, ElementsAre(""));
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("\"digits\" leads out of the drop directory")));
}

TEST_F(ScanTest, ADanglingSymbolicLinkIsRefused) {
  fs::create_symlink("nowhere.bin", drop_ + "/x.pt");
  fs::create_symlink("nowhere.bin", drop_ + "/no-model");
  const ScannedFile before = ScanOne();
  EXPECT_THAT(before.status, StatusIs(kInvalid, HasSubstr("\"x.pt\" leads nowhere")));
  dir_.Write("drop/nowhere.bin", "x");
  const ScannedFile after = ScanOne();
  EXPECT_OK(after.status);
  EXPECT_NE(after.identity, before.identity);
}

TEST_F(ScanTest, SymbolicLinksInACircleEnd) {
  fs::create_symlink("b.pt", drop_ + "/a.pt");
  fs::create_symlink("a.pt", drop_ + "/b.pt");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(StatusOfFile(StatusIs(kInvalid, HasSubstr("cannot be followed"))),
                                        StatusOfFile(StatusIs(kInvalid, HasSubstr("cannot be followed")))));
}

TEST_F(ScanTest, ALinkToADirectoryAboveIsNotFollowed) {
  dir_.Write("drop/digits/x.pt", "x");
  fs::create_directory_symlink("..", drop_ + "/digits/up");
  fs::create_directory_symlink(".", drop_ + "/digits/self");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(PathIs("digits/x.pt")));
  EXPECT_THAT(result.warnings,
              ElementsAre(HasSubstr("\"digits/self\" leads back"), HasSubstr("\"digits/up\" leads back")));
}

TEST_F(ScanTest, ALinkToADirectoryInsideIsAnotherNameForIt) {
  dir_.Write("drop/digits/x.pt", "x");
  fs::create_directory_symlink("digits", drop_ + "/alias");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(PathIs("alias/x.pt"), PathIs("digits/x.pt")));
  EXPECT_EQ(result.files[0].full_path, result.files[1].full_path);
  EXPECT_THAT(result.directories, ElementsAre("", "alias", "digits"));
}

// As a Kubernetes ConfigMap or a projected volume is mounted; an update is one rename of `..data`.
TEST_F(ScanTest, AMountedKubernetesVolumeIsReadThroughItsLinks) {
  dir_.Write("drop/..2024_01/digits.pt", "one");
  fs::create_symlink("..2024_01", drop_ + "/..data");
  fs::create_symlink("..data/digits.pt", drop_ + "/digits.pt");
  const ScannedFile before = ScanOne();
  EXPECT_OK(before.status);
  EXPECT_EQ(before.full_path, drop_ + "/..2024_01/digits.pt");

  dir_.Write("drop/..2024_02/digits.pt", "two");
  fs::create_symlink("..2024_02", drop_ + "/..data_tmp");
  fs::rename(drop_ + "/..data_tmp", drop_ + "/..data");
  const ScannedFile after = ScanOne();
  EXPECT_EQ(after.full_path, drop_ + "/..2024_02/digits.pt");
  EXPECT_NE(after.identity, before.identity);
}

TEST_F(ScanTest, TheDropDirectoryItselfMayBeALink) {
  dir_.Write("drop/x.pt", "x");
  fs::create_directory_symlink("drop", dir_ / "link");
  ASSERT_OK_AND_ASSIGN(const ScanResult result, Scan(file_system_, dir_ / "link"));
  ASSERT_THAT(result.files, ElementsAre(PathIs("x.pt")));
  EXPECT_OK(result.files[0].status);
  EXPECT_EQ(result.files[0].full_path, drop_ + "/x.pt");
}

TEST_F(ScanTest, ASidecarKeepsTheSameRules) {
  dir_.Write("secret.json", "{}");
  dir_.Write("drop/x.pt", "x");
  fs::create_symlink("../secret.json", drop_ + "/x.pt.config.json");
  EXPECT_THAT(ScanOne().status,
              StatusIs(kInvalid, AllOf(HasSubstr("\"x.pt.config.json\""), HasSubstr("leads out"))));

  fs::remove(drop_ + "/x.pt.config.json");
  ASSERT_EQ(::mkfifo((drop_ + "/x.pt.config.json").c_str(), 0600), 0);
  EXPECT_THAT(ScanOne().status, StatusIs(kInvalid, HasSubstr("not a regular file")));

  fs::remove(drop_ + "/x.pt.config.json");
  dir_.Write("drop/.configs/x.json", "{}");
  fs::create_symlink(".configs/x.json", drop_ + "/x.pt.config.json");
  const ScannedFile file = ScanOne();
  EXPECT_OK(file.status);
  EXPECT_EQ(file.sidecar_path, drop_ + "/.configs/x.json");
  EXPECT_EQ(file.sidecar, IdentityOf(file.sidecar_path));
}

// --- What is no ordinary file ---

TEST_F(ScanTest, APipeWithAModelNameIsRefused) {
  ASSERT_EQ(::mkfifo((drop_ + "/pipe.pt").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo((drop_ + "/pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", drop_ + "/link.pt");
  EXPECT_THAT(ScanAll().files,
              ElementsAre(StatusOfFile(StatusIs(kInvalid, HasSubstr("\"link.pt\" is not a regular"))),
                          StatusOfFile(StatusIs(kInvalid, HasSubstr("\"pipe.pt\" is not a regular")))));
  EXPECT_EQ(file_system_.count(Call::kOpenForRead), 0);
}

TEST_F(ScanTest, ANameThatIsNotPrintableIsRefusedAndShownEscaped) {
  dir_.Write("drop/bad\xff.pt", "x");
  dir_.Write("drop/line\nbreak.pt", "x");
  dir_.Write("drop/back\\slash.pt", "x");
  dir_.Write("drop/größe.pt", "x");
  dir_.Write("drop/bad\xff/x.pt", "x");
  dir_.Write("drop/bad\xff.txt", "x");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(PathIs("back\\\\slash.pt"), PathIs("bad\\xff.pt"), PathIs("größe.pt"),
                                        PathIs("line\\nbreak.pt")));
  for (const ScannedFile& file : result.files) {
    if (file.path == "größe.pt") {
      EXPECT_OK(file.status);
    } else {
      EXPECT_THAT(file.status, StatusIs(kInvalid, HasSubstr("rename it"))) << file.path;
    }
  }
  EXPECT_THAT(result.directories, ElementsAre(""));
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("bad\\xff")));
}

// --- Trouble ---

TEST_F(ScanTest, AMissingDropDirectoryIsAnErrorNotNoFiles) {
  fs::remove(drop_);
  EXPECT_THAT(Scan(file_system_, drop_), StatusIs(absl::StatusCode::kNotFound, HasSubstr(drop_)));
}

TEST_F(ScanTest, ADropDirectoryThatIsAFileIsAnError) {
  dir_.Write("file", "x");
  EXPECT_THAT(Scan(file_system_, dir_ / "file"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("/file")));
}

TEST_F(ScanTest, AnUnreadableDropDirectoryIsAnError) {
  file_system_.FailPath(Call::kList, drop_, absl::PermissionDeniedError("cannot list: permission denied"));
  EXPECT_THAT(Scan(file_system_, drop_), StatusIs(kDenied, HasSubstr("permission denied")));
}

TEST_F(ScanTest, AnUnreadableDirectoryIsTold) {
  dir_.Write("drop/a/x.pt", "x");
  dir_.Write("drop/b/x.pt", "x");
  file_system_.FailPath(Call::kList, drop_ + "/a", absl::PermissionDeniedError("no"));
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(PathIs("b/x.pt")));
  ASSERT_THAT(result.unreadable, ElementsAre(PathIs("a")));
  EXPECT_THAT(result.unreadable[0].why, StatusIs(kDenied, "no"));
}

TEST_F(ScanTest, AnEntryThatCannotBeLookedAtIsTold) {
  dir_.Write("drop/a/x.pt", "x");
  dir_.Write("drop/b.pt", "x");
  file_system_.FailPath(Call::kLinkStat, drop_ + "/a", absl::UnavailableError("I/O error"));
  file_system_.FailPath(Call::kLinkStat, drop_ + "/b.pt", absl::UnavailableError("I/O error"));
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.unreadable, ElementsAre(PathIs("a")));
  EXPECT_THAT(result.files,
              ElementsAre(AllOf(PathIs("b.pt"),
                                StatusOfFile(StatusIs(absl::StatusCode::kUnavailable, "I/O error")))));
}

TEST_F(ScanTest, WhatVanishesDuringTheWalkIsLeftOut) {
  dir_.Write("drop/a/x.pt", "x");
  dir_.Write("drop/b.pt", "x");
  dir_.Write("drop/c.pt", "x");
  file_system_.Before(Call::kLinkStat, 1, [&] { fs::remove(drop_ + "/b.pt"); });
  file_system_.Before(Call::kList, 2, [&] { fs::remove_all(drop_ + "/a"); });
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(PathIs("c.pt")));
  EXPECT_THAT(result.directories, ElementsAre(""));
  EXPECT_THAT(result.unreadable, IsEmpty());
}

TEST_F(ScanTest, GoldenSamplesBesideAFile) {
  dir_.Write("drop/m.pt", "model");
  const FileIdentity without = ScanOne().sidecar;
  EXPECT_EQ(without, FileIdentity());
  dir_.Write("drop/m.pt.golden/10", "a");
  dir_.Write("drop/m.pt.golden/9", "b");
  dir_.Write("drop/m.pt.golden/11.tmp", "c");
  const ScannedFile file = ScanOne();
  EXPECT_OK(file.status);
  EXPECT_THAT(file.golden, ElementsAre(GoldenFile{"golden/9", drop_ + "/m.pt.golden/9"},
                                       GoldenFile{"golden/10", drop_ + "/m.pt.golden/10"}));
  EXPECT_NE(file.sidecar, without);
  EXPECT_EQ(ScanOne().sidecar, file.sidecar);
}

TEST_F(ScanTest, AChangedGoldenSampleChangesTheSidecarsIdentity) {
  dir_.Write("drop/m.pt", "model");
  dir_.Write("drop/m.pt.config.json", "{}");
  dir_.Write("drop/m.pt.golden/0", "a");
  dir_.Write("drop/m.pt.golden/1", "a");
  const FileIdentity before = ScanOne().sidecar;
  fs::rename(drop_ + "/m.pt.golden/0", drop_ + "/m.pt.golden/2");
  fs::rename(drop_ + "/m.pt.golden/1", drop_ + "/m.pt.golden/0");
  fs::rename(drop_ + "/m.pt.golden/2", drop_ + "/m.pt.golden/1");
  const FileIdentity swapped = ScanOne().sidecar;
  EXPECT_NE(swapped, before);
  dir_.Write("drop/m.pt.golden/1", "bc");
  EXPECT_NE(ScanOne().sidecar, swapped);
}

TEST_F(ScanTest, GoldenSamplesThatCannotBeOpenedSafelyAreRefused) {
  dir_.Write("drop/m.pt", "model");
  fs::create_directories(drop_ + "/m.pt.golden/sub");
  EXPECT_THAT(ScanOne(),
              StatusOfFile(StatusIs(kInvalid, HasSubstr("\"m.pt.golden/sub\" is not a regular file"))));
  fs::remove(drop_ + "/m.pt.golden/sub");
  fs::create_symlink("/etc/hostname", drop_ + "/m.pt.golden/0");
  EXPECT_THAT(ScanOne(), StatusOfFile(StatusIs(kInvalid, HasSubstr("leads out of the drop directory"))));
  fs::remove(drop_ + "/m.pt.golden/0");
  for (int i = 0; i <= 64; ++i) dir_.Write("drop/m.pt.golden/" + std::to_string(i), "");
  EXPECT_THAT(ScanOne(), StatusOfFile(StatusIs(kInvalid, HasSubstr("more than 64 golden samples"))));
}

TEST_F(ScanTest, AFileWhoseNameIsThatOfTheGoldenDirectoryIsNone) {
  dir_.Write("drop/m.pt", "model");
  dir_.Write("drop/m.pt.golden", "a file");
  EXPECT_OK(ScanOne().status);
  EXPECT_THAT(ScanOne().golden, IsEmpty());
}

}  // namespace
}  // namespace modeld
