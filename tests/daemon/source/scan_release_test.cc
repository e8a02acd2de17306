// What a scan makes of release directories.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/source/scan.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Call = FaultyFileSystem::Call;

MATCHER_P(PathIs, path, "") { return arg.path == path; }

class ScanReleaseTest : public ::testing::Test {
 protected:
  ScanResult ScanAll() {
    absl::StatusOr<ScanResult> result = Scan(file_system_, drop_);
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : ScanResult{};
  }
  // The one release that a scan finds.
  ScannedRelease ScanOne() {
    ScanResult result = ScanAll();
    EXPECT_EQ(result.releases.size(), 1u);
    return result.releases.empty() ? ScannedRelease{} : result.releases[0];
  }
  void Drop(const std::string& path, const std::string& content = "abc") {
    dir_.Write("drop/" + path, content);
  }

  TempDir dir_;
  const std::string drop_ = fs::canonical(dir_.path()).string() + "/drop";
  const bool made_ = fs::create_directory(drop_);
  FaultyFileSystem file_system_;
};

TEST_F(ScanReleaseTest, ModelFilesOfAReleaseAreNoFilesOfTheirOwn) {
  Drop("week-48/manifest.json", "{}");
  Drop("week-48/digits-1.1.pt");
  Drop("week-48/digits-1.1.pt.config.json", "{}");
  Drop("week-48/faces/faces-2.0.pt");
  Drop("week-48/voices/3/model.pt");
  Drop("week-48/README.md");
  Drop("week-48/copying.pt.part");
  Drop("digits/3/model.pt");
  Drop("other.pt");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.files, ElementsAre(PathIs("digits/3/model.pt"), PathIs("other.pt")));
  EXPECT_THAT(result.directories, ElementsAre("", "digits", "digits/3", "week-48", "week-48/faces",
                                              "week-48/voices", "week-48/voices/3"));
  EXPECT_THAT(result.warnings, IsEmpty());
  ASSERT_EQ(result.releases.size(), 1u);

  const ScannedRelease& release = result.releases[0];
  EXPECT_EQ(release.name, "week-48");
  EXPECT_OK(release.manifest.status);
  EXPECT_EQ(release.manifest.path, "week-48/manifest.json");
  EXPECT_EQ(release.manifest.full_path, drop_ + "/week-48/manifest.json");
  EXPECT_EQ(release.manifest.identity, file_system_.Stat(release.manifest.full_path)->identity);
  ASSERT_THAT(release.files, ElementsAre(PathIs("digits-1.1.pt"), PathIs("faces/faces-2.0.pt"),
                                         PathIs("voices/3/model.pt")));
  EXPECT_EQ(release.files[0].full_path, drop_ + "/week-48/digits-1.1.pt");
  EXPECT_EQ(release.files[0].sidecar.size, 2);
  EXPECT_EQ(release.files[1].sidecar, FileIdentity{});
}

TEST_F(ScanReleaseTest, OnlyADirectoryDirectlyBelowTheDropDirectoryIsOne) {
  Drop("manifest.json", "{}");
  Drop("a/b/manifest.json", "{}");
  Drop("a/b/x.pt");
  Drop("c.part/manifest.json", "{}");
  Drop("c.part/x.pt");
  const ScanResult result = ScanAll();
  EXPECT_THAT(result.releases, IsEmpty());
  EXPECT_THAT(result.files, ElementsAre(PathIs("a/b/x.pt")));
}

TEST_F(ScanReleaseTest, AManifestFurtherDownIsNoReleaseInTheRelease) {
  Drop("r/manifest.json", "{}");
  Drop("r/faces/manifest.json", "{}");
  Drop("r/faces/x.pt");
  Drop("s/x.pt");
  const ScanResult result = ScanAll();
  ASSERT_EQ(result.releases.size(), 1u);
  EXPECT_THAT(result.releases[0].files, ElementsAre(PathIs("faces/x.pt")));
  EXPECT_THAT(result.files, ElementsAre(PathIs("s/x.pt")));
}

TEST_F(ScanReleaseTest, DeeperFilesAreLeftOutWithAWarning) {
  Drop("r/manifest.json", "{}");
  Drop("r/a/1/b/x.pt");
  const ScanResult result = ScanAll();
  ASSERT_EQ(result.releases.size(), 1u);
  EXPECT_THAT(result.releases[0].files, IsEmpty());
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("\"r/a/1/b/x.pt\"")));
}

TEST_F(ScanReleaseTest, EveryChangeOfAPartChangesTheWhole) {
  Drop("r/manifest.json", "{}");
  Drop("r/a.pt");
  Drop("r/b.pt");
  std::vector<FileIdentity> seen = {ScanOne().manifest.sidecar};
  EXPECT_EQ(ScanOne().manifest.sidecar, seen[0]);
  const auto expect_new = [&](const char* what) {
    const FileIdentity now = ScanOne().manifest.sidecar;
    for (const FileIdentity& before : seen) EXPECT_NE(now, before) << what;
    seen.push_back(now);
  };
  Drop("r/b.pt", "abcd");
  expect_new("a file grew");
  Drop("r/c/3/model.pt");
  expect_new("a file came");
  Drop("r/a.pt.config.json", "{}");
  expect_new("a sidecar came");
  Drop("r/a.pt.golden/0", "sample");
  expect_new("a golden sample came");
  fs::rename(drop_ + "/r/b.pt", drop_ + "/r/b2.pt");
  expect_new("a file was renamed");
  fs::remove(drop_ + "/r/a.pt");
  expect_new("a file went");
}

TEST_F(ScanReleaseTest, AManifestThatIsNoRegularFileIsRefusedAndNeverOpened) {
  Drop("r/x.pt");
  ASSERT_EQ(::mkfifo((drop_ + "/r/manifest.json").c_str(), 0600), 0);
  EXPECT_THAT(ScanOne().manifest.status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
  EXPECT_THAT(ScanAll().files, IsEmpty());
  EXPECT_EQ(file_system_.count(Call::kOpenForRead), 0);
}

TEST_F(ScanReleaseTest, AManifestBehindALinkKeepsTheRulesOfLinks) {
  dir_.Write("secret.json", "{}");
  Drop("r/x.pt");
  fs::create_symlink("../../secret.json", drop_ + "/r/manifest.json");
  EXPECT_THAT(ScanOne().manifest.status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("leads out of the drop directory")));
  fs::remove(drop_ + "/r/manifest.json");
  Drop(".shared.json", "{}");
  fs::create_symlink("../.shared.json", drop_ + "/r/manifest.json");
  EXPECT_OK(ScanOne().manifest.status);
  EXPECT_EQ(ScanOne().manifest.full_path, drop_ + "/.shared.json");
}

TEST_F(ScanReleaseTest, APartThatCannotBeReadIsTroubleAndNotMissing) {
  Drop("r/manifest.json", "{}");
  Drop("r/faces/x.pt");
  Drop("s/manifest.json", "{}");
  file_system_.FailPath(Call::kList, drop_ + "/r/faces", absl::PermissionDeniedError("no access"));
  const ScanResult result = ScanAll();
  ASSERT_EQ(result.releases.size(), 2u);
  EXPECT_THAT(result.releases[0].manifest.status, StatusIs(absl::StatusCode::kPermissionDenied, "no access"));
  EXPECT_OK(result.releases[1].manifest.status);
  ASSERT_EQ(result.unreadable.size(), 1u);
  EXPECT_EQ(result.unreadable[0].path, "r/faces");
}

}  // namespace
}  // namespace modeld
