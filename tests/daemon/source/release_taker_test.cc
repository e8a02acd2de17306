#include "daemon/source/release_taker.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/daemon/source/fake_sink.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Call = FaultyFileSystem::Call;
using Code = absl::StatusCode;

class ReleaseTakerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(&store_file_system_, dir_ / "artifacts"));
    sink_ = std::make_unique<FakeSink>(store_.get());
    Drop("manifest.json", R"({"models": ["digits.pt", "faces/any.pt"]})");
    Drop("digits.pt", Archive("1.1"));
    Drop("faces/any.pt", Archive("2.0"));
  }

  static std::string Archive(const std::string& version) {
    return TorchScriptArchive(absl::StrCat("{\"version\": \"", version, "\"}"));
  }
  // Into the release's directory.
  void Drop(const std::string& path, const std::string& content) {
    dir_.Write("drop/week-48/" + path, content);
  }

  ScannedRelease ScanOne() {
    ScanResult scan = Scan(file_system_, dir_ / "drop").value();
    EXPECT_EQ(scan.releases.size(), 1u);
    return scan.releases.at(0);
  }
  ReleaseResult Take(const ScannedRelease& release) {
    const FileTaker taker(&file_system_, store_.get(), sink_.get(), {});
    return ReleaseTaker(&file_system_, &taker, sink_.get()).Take(release, absl::UnixEpoch());
  }
  ReleaseResult Take() { return Take(ScanOne()); }

  // Nothing is registered, and no copy is left.
  void ExpectNothingRegistered() {
    EXPECT_THAT(sink_->names(), IsEmpty());
    EXPECT_THAT(sink_->release("week-48"), IsEmpty());
    EXPECT_TRUE(std::filesystem::is_empty(dir_ / "artifacts/staging"));
  }

  TempDir dir_;
  FaultyFileSystem file_system_, store_file_system_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<FakeSink> sink_;
};

TEST_F(ReleaseTakerTest, TakesAllInOneCallUnderTheNamesOfThePathsInTheRelease) {
  Drop("digits.pt.golden/0", "");  // ignored: the archive carries its own config
  const ReleaseResult taken = Take();
  EXPECT_EQ(taken.result.verdict, Verdict::kTaken);
  EXPECT_OK(taken.result.why);
  EXPECT_EQ(taken.result.identity.name, "");
  EXPECT_THAT(taken.models, ElementsAre("digits 1.1", "faces 2.0"));
  EXPECT_THAT(taken.unlisted, IsEmpty());
  EXPECT_EQ(sink_->calls(), 1);
  EXPECT_THAT(sink_->release("week-48"), ElementsAre("digits 1.1", "faces 2.0"));
  EXPECT_TRUE(store_->Contains(sink_->version("faces 2.0").sha256));
  EXPECT_EQ(sink_->config("faces 2.0"), R"({"version":"2.0"})");
  EXPECT_THAT(sink_->version("digits 1.1").warnings, ElementsAre(HasSubstr("golden samples")));
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "artifacts/staging"));
}

TEST_F(ReleaseTakerTest, FilesThatTheManifestDoesNotListAreTold) {
  Drop("manifest.json", R"({"models": ["faces/any.pt"], "description": "faces only"})");
  const ReleaseResult taken = Take();
  EXPECT_EQ(taken.result.verdict, Verdict::kTaken);
  EXPECT_THAT(taken.unlisted, ElementsAre("digits.pt"));
  EXPECT_THAT(sink_->names(), ElementsAre("faces 2.0"));
}

TEST_F(ReleaseTakerTest, AManifestThatIsOffIsRefusedBeforeAnyFileIsOpened) {
  Drop("manifest.json", R"({"model": ["digits.pt"]})");
  const ReleaseResult taken = Take();
  EXPECT_EQ(taken.result.verdict, Verdict::kRefused);
  EXPECT_THAT(taken.result.why, StatusIs(Code::kInvalidArgument,
                                         AllOf(StartsWith("manifest.json: "), HasSubstr("did you mean"))));
  EXPECT_EQ(store_file_system_.count(Call::kOpenForRead), 0);
  ExpectNothingRegistered();
}

TEST_F(ReleaseTakerTest, AnEmptyManifestIsIncompleteAndAVastOneRefused) {
  Drop("manifest.json", "");
  EXPECT_EQ(Take().result.verdict, Verdict::kIncomplete);
  Drop("manifest.json", std::string(kMaxManifestBytes + 1, ' '));
  const ReleaseResult taken = Take();
  EXPECT_EQ(taken.result.verdict, Verdict::kRefused);
  EXPECT_THAT(taken.result.why, StatusIs(Code::kInvalidArgument, HasSubstr("at most 1048576")));
}

TEST_F(ReleaseTakerTest, AMissingOrTruncatedFileMakesTheReleaseIncomplete) {
  std::filesystem::remove(dir_ / "drop/week-48/faces/any.pt");
  const ReleaseResult missing = Take();
  EXPECT_EQ(missing.result.verdict, Verdict::kIncomplete);
  EXPECT_THAT(missing.result.why,
              StatusIs(Code::kUnavailable, "file \"faces/any.pt\" of manifest.json is missing"));

  Drop("faces/any.pt", Archive("2.0").substr(0, 50));
  const ReleaseResult truncated = Take();
  EXPECT_EQ(truncated.result.verdict, Verdict::kIncomplete);
  EXPECT_THAT(truncated.result.why,
              StatusIs(Code::kUnavailable, StartsWith("file \"faces/any.pt\": incomplete")));
  EXPECT_EQ(store_file_system_.count(Call::kCreateExclusive), 0);
  ExpectNothingRegistered();
}

TEST_F(ReleaseTakerTest, ARefusedFileRefusesAllWithoutACopyEvenWhileOthersAreIncomplete) {
  Drop("digits.pt", Archive("1.1").substr(0, 50));
  Drop("faces/any.pt", Archive("no version, this"));
  const ReleaseResult taken = Take();
  EXPECT_EQ(taken.result.verdict, Verdict::kRefused);
  EXPECT_THAT(taken.result.why, StatusIs(Code::kInvalidArgument, StartsWith("file \"faces/any.pt\": ")));
  EXPECT_EQ(taken.result.identity.name, "faces");
  EXPECT_EQ(store_file_system_.count(Call::kCreateExclusive), 0);
  ExpectNothingRegistered();
}

TEST_F(ReleaseTakerTest, TwoVersionsOfOneModelAreRefused) {
  Drop("faces/any.pt", TorchScriptArchive(R"({"name": "digits", "version": "1.2"})"));
  const ReleaseResult taken = Take();
  EXPECT_EQ(taken.result.verdict, Verdict::kRefused);
  EXPECT_THAT(taken.result.why,
              StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("\"digits.pt\" and \"faces/any.pt\""),
                                                     HasSubstr("both hold model \"digits\""))));
  EXPECT_EQ(store_file_system_.count(Call::kCreateExclusive), 0);
  ExpectNothingRegistered();
}

TEST_F(ReleaseTakerTest, AFileThatChangesWhileTheOthersAreCopiedIsTakenAnew) {
  const ScannedRelease release = ScanOne();
  store_file_system_.Before(Call::kCreateExclusive, 2, [&] { Drop("faces/any.pt", Archive("2.01")); });
  const ReleaseResult taken = Take(release);
  EXPECT_EQ(taken.result.verdict, Verdict::kChanged);
  ExpectNothingRegistered();
}

TEST_F(ReleaseTakerTest, AManifestThatIsNotAsScannedIsNotBelieved) {
  ScannedRelease release = ScanOne();
  // Between the first look at it and the end of the reading.
  file_system_.Before(Call::kOpenForRead, 2,
                      [&] { Drop("manifest.json", R"({"models": ["digits.pt"], "description": ""})"); });
  EXPECT_EQ(Take(release).result.verdict, Verdict::kChanged);
  ExpectNothingRegistered();
}

TEST_F(ReleaseTakerTest, EveryFaultOfTheStoreIsTriedAgainAndRegistersNothing) {
  const ScannedRelease release = ScanOne();
  int faults = 0;
  for (const Call call : {Call::kCreateExclusive, Call::kWrite, Call::kFsync, Call::kRename,
                          Call::kFsyncDirectory, Call::kSetMode}) {
    for (int nth = 1; nth <= 2; ++nth) {
      const int before = store_file_system_.count(call);
      store_file_system_.FailNth(call, nth, absl::ResourceExhaustedError("disk full"));
      const ReleaseResult taken = Take(release);
      EXPECT_EQ(taken.result.verdict, Verdict::kLater) << static_cast<int>(call) << " " << nth;
      EXPECT_THAT(taken.result.why, StatusIs(Code::kResourceExhausted, HasSubstr("file \"")));
      EXPECT_GE(store_file_system_.count(call), before + nth);
      ExpectNothingRegistered();
      ++faults;
    }
  }
  EXPECT_EQ(faults, 12);
  EXPECT_EQ(Take(release).result.verdict, Verdict::kTaken);
  EXPECT_THAT(sink_->release("week-48"), ElementsAre("digits 1.1", "faces 2.0"));
}

TEST_F(ReleaseTakerTest, TheSinkDecidesLast) {
  const struct {
    Code code;
    Verdict verdict;
  } cases[] = {{Code::kAlreadyExists, Verdict::kRefused},   {Code::kFailedPrecondition, Verdict::kRefused},
               {Code::kInvalidArgument, Verdict::kRefused}, {Code::kInternal, Verdict::kLater},
               {Code::kUnavailable, Verdict::kLater},       {Code::kNotFound, Verdict::kLater}};
  for (const auto& c : cases) {
    sink_->FailWith(absl::Status(c.code, "why"));
    const ReleaseResult taken = Take();
    EXPECT_EQ(taken.result.verdict, c.verdict) << c.code;
    EXPECT_THAT(taken.result.why, StatusIs(c.code, "why"));
  }
}

TEST_F(ReleaseTakerTest, AConflictWithAKnownVersionRegistersNoneOfTheOthers) {
  ASSERT_EQ(Take().result.verdict, Verdict::kTaken);
  Drop("digits.pt", Archive("1.2"));
  Drop("faces/any.pt", TorchScriptZip({{"config.json", R"({"version": "2.0"})"}, {"w", "other"}}).Build());
  EXPECT_EQ(Take().result.verdict, Verdict::kRefused);
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.1", "faces 2.0"));
}

}  // namespace
}  // namespace modeld
