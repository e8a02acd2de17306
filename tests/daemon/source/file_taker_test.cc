#include "daemon/source/file_taker.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "modeld/v1/value.pb.h"
#include "tests/daemon/source/fake_sink.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Code = absl::StatusCode;

TEST(IdentityGuessTest, GivesNoNameThatBreaksTheRule) {
  const struct {
    std::string path, name, version;
  } cases[] = {{"digits.pt", "digits", ""},
               {"digits/any.pt", "digits", ""},
               {"digits/3/model.pt", "digits", "3"},
               {"digits/x/model.pt", "digits", ""},
               {"Digits.pt", "", ""},
               {"bad\\xff.pt", "", ""}};
  for (const auto& c : cases) {
    EXPECT_EQ(IdentityGuess(c.path).name, c.name) << c.path;
    EXPECT_EQ(IdentityGuess(c.path).version, c.version) << c.path;
  }
}

class FileTakerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(dir_ / "drop");
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(&store_file_system_, dir_ / "artifacts"));
    sink_ = std::make_unique<FakeSink>(store_.get());
  }

  // Drops a file and describes it as a scan would.
  ScannedFile Drop(const std::string& name, const std::string& content) {
    const std::string path = dir_.Write("drop/" + name, content);
    return {.path = name,
            .full_path = path,
            .sidecar_path = path + ".config.json",
            .identity = file_system_.Stat(path).value().identity,
            .sidecar = {},
            .golden = {},
            .status = absl::OkStatus()};
  }

  TakeResult Take(const ScannedFile& file) {
    return FileTaker(&file_system_, store_.get(), sink_.get(), {}).Take(file, absl::UnixEpoch());
  }

  TempDir dir_;
  FaultyFileSystem file_system_, store_file_system_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<FakeSink> sink_;
  const std::string archive_ = TorchScriptArchive(R"({"version": "1.0"})");
};

TEST_F(FileTakerTest, Takes) {
  const TakeResult result = Take(Drop("digits.pt", archive_));
  EXPECT_EQ(result.verdict, Verdict::kTaken);
  EXPECT_OK(result.why);
  EXPECT_EQ(result.identity.name, "digits");
  EXPECT_EQ(result.identity.version, "1.0");
  EXPECT_EQ(result.sha256, sink_->version("digits 1.0").sha256);
}

TEST_F(FileTakerTest, TheStatusOfTheScanDecidesBeforeTheFileIsOpened) {
  const struct {
    Code code;
    Verdict verdict;
  } cases[] = {{Code::kInvalidArgument, Verdict::kRefused},
               {Code::kPermissionDenied, Verdict::kLater},
               {Code::kUnavailable, Verdict::kLater},
               {Code::kInternal, Verdict::kLater}};
  ScannedFile file = Drop("digits.pt", archive_);
  for (const auto& c : cases) {
    file.status = absl::Status(c.code, "why");
    const TakeResult result = Take(file);
    EXPECT_EQ(result.verdict, c.verdict) << c.code;
    EXPECT_THAT(result.why, StatusIs(c.code, "why"));
    EXPECT_EQ(result.identity.name, "digits");
  }
  EXPECT_EQ(file_system_.count(FaultyFileSystem::Call::kOpenForRead), 0);
}

TEST_F(FileTakerTest, TheSinkDecidesLast) {
  const struct {
    Code code;
    Verdict verdict;
  } cases[] = {{Code::kAlreadyExists, Verdict::kRefused},   {Code::kFailedPrecondition, Verdict::kRefused},
               {Code::kInvalidArgument, Verdict::kRefused}, {Code::kInternal, Verdict::kLater},
               {Code::kResourceExhausted, Verdict::kLater}, {Code::kUnavailable, Verdict::kLater},
               {Code::kCancelled, Verdict::kLater},         {Code::kNotFound, Verdict::kLater}};
  const ScannedFile file = Drop("digits.pt", archive_);
  for (const auto& c : cases) {
    sink_->FailWith(absl::Status(c.code, "why"));
    const TakeResult result = Take(file);
    EXPECT_EQ(result.verdict, c.verdict) << c.code;
    EXPECT_EQ(result.identity.version, "1.0");
    EXPECT_EQ(result.sha256.size(), 64u);
  }
}

TEST_F(FileTakerTest, AFileThatIsNotAsScannedIsNotReadFurther) {
  ScannedFile file = Drop("digits.pt", archive_);
  ++file.identity.mtime_ns;
  EXPECT_EQ(Take(file).verdict, Verdict::kChanged);
  EXPECT_EQ(file_system_.count(FaultyFileSystem::Call::kOpenForRead), 1);
}

TEST_F(FileTakerTest, AVanishedFileHasChanged) {
  const ScannedFile file = Drop("digits.pt", archive_);
  std::filesystem::remove(file.full_path);
  EXPECT_EQ(Take(file).verdict, Verdict::kChanged);
}

TEST_F(FileTakerTest, AnIncompleteFileIsToldFromAnUnreadableOne) {
  const ScannedFile file = Drop("digits.pt", archive_.substr(0, archive_.size() - 1));
  EXPECT_EQ(Take(file).verdict, Verdict::kIncomplete);
  file_system_.FailAlways(FaultyFileSystem::Call::kOpenForRead, absl::UnavailableError("stale file handle"));
  EXPECT_EQ(Take(file).verdict, Verdict::kLater);
}

TEST_F(FileTakerTest, AnOnnxFileIsIncompleteUntilItsLastFieldIs) {
  const std::string whole = OnnxFileWithConfig(R"({"version": "1.0"})");
  EXPECT_EQ(Take(Drop("digits.onnx", whole.substr(0, whole.size() - 1))).verdict, Verdict::kIncomplete);
  EXPECT_EQ(Take(Drop("digits.onnx", whole.substr(0, whole.size() / 4))).verdict, Verdict::kIncomplete);
  EXPECT_EQ(Take(Drop("digits.onnx", whole)).verdict, Verdict::kTaken);
}

TEST_F(FileTakerTest, ASidecarThatCannotBeReadIsNoFaultOfTheFile) {
  const ScannedFile file = Drop("digits.pt", TorchScriptZip({}).Build());
  const std::string sidecar = dir_.Write("drop/digits.pt.config.json", R"({"version": "1.0"})");
  file_system_.FailPath(FaultyFileSystem::Call::kOpenForRead, sidecar, absl::PermissionDeniedError("no"));
  EXPECT_EQ(Take(file).verdict, Verdict::kLater);
  file_system_.Heal();
  EXPECT_EQ(Take(file).verdict, Verdict::kTaken);
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
}

TEST_F(FileTakerTest, GoldenSamplesBesideAFileAreStagedAndRegistered) {
  v1::GoldenSample sample;
  (*sample.mutable_outputs())["y"].set_int_value(1);
  ScannedFile file = Drop("digits.pt", TorchScriptZip({}).Build());
  dir_.Write("drop/digits.pt.config.json", R"({"version": "1.0"})");
  const std::string path = dir_.Write("drop/digits.pt.golden/0", sample.SerializeAsString());
  file.golden = {{.name = "golden/0", .path = path}};
  store_file_system_.FailNth(FaultyFileSystem::Call::kFsync, 2, absl::UnavailableError("I/O error"));
  EXPECT_EQ(Take(file).verdict, Verdict::kLater);
  EXPECT_THAT(sink_->names(), IsEmpty());

  EXPECT_EQ(Take(file).verdict, Verdict::kTaken);
  const std::vector<VersionFile> files = sink_->files("digits 1.0");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].name, "golden/0");
  EXPECT_EQ(files[0].size_bytes, static_cast<int64_t>(sample.ByteSizeLong()));
  EXPECT_TRUE(store_->Contains(files[0].sha256));
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "artifacts/staging"));
}

// They lie beside it in any case, for it has no place for them.
TEST_F(FileTakerTest, GoldenSamplesBesideAnOnnxFileWithAConfigAreRegistered) {
  v1::GoldenSample sample;
  (*sample.mutable_outputs())["y"].set_int_value(1);
  ScannedFile file = Drop("digits.onnx", OnnxFileWithConfig(R"({"version": "1.0"})"));
  file.golden = {
      {.name = "golden/0", .path = dir_.Write("drop/digits.onnx.golden/0", sample.SerializeAsString())}};
  EXPECT_EQ(Take(file).verdict, Verdict::kTaken);
  const std::vector<VersionFile> files = sink_->files("digits 1.0");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(store_->Contains(files[0].sha256));
}

TEST_F(FileTakerTest, AGoldenSampleThatIsNoneIsTheFilesFault) {
  ScannedFile file = Drop("digits.pt", TorchScriptZip({}).Build());
  dir_.Write("drop/digits.pt.config.json", R"({"version": "1.0"})");
  file.golden = {{.name = "golden/0", .path = dir_.Write("drop/digits.pt.golden/0", "nonsense")}};
  const TakeResult result = Take(file);
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  EXPECT_THAT(result.why, StatusIs(Code::kInvalidArgument, HasSubstr("golden/0")));
  std::filesystem::remove(file.golden[0].path);
  EXPECT_EQ(Take(file).verdict, Verdict::kLater);
}

}  // namespace
}  // namespace modeld
