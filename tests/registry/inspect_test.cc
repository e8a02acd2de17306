#include "registry/inspect.h"

#include <filesystem>

#include "modeld/v1/value.pb.h"
#include "registry/artifact_reader.h"
#include "registry/base/status_macros.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Call = FaultyFileSystem::Call;

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}

// A golden sample's bytes.
std::string Sample() {
  v1::GoldenSample sample;
  (*sample.mutable_outputs())["y"].set_int_value(1);
  return sample.SerializeAsString();
}

class InspectFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<InspectedFile> Inspect(const std::string& relative_path,
                                        const InspectOptions& options = {}) {
    const std::string path = dir_ / relative_path;
    MODELD_ASSIGN_OR_RETURN(const std::vector<GoldenFile> golden, ListGoldenFiles(files_, path));
    return InspectFile(files_, path, relative_path, SidecarPath(path), options, golden);
  }

  const TempDir dir_;
  FaultyFileSystem files_;
};

TEST_F(InspectFileTest, TheArchivesOwnConfig) {
  dir_.Write("digits.pt", TorchScriptArchive(R"({"version": "1.0", "mine": 1})"));
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("digits.pt"));
  EXPECT_EQ(file.identity.name, "digits");
  EXPECT_EQ(file.identity.version, "1.0");
  EXPECT_FALSE(file.config_from_sidecar);
  EXPECT_THAT(file.archive.extra_files, ElementsAre("config.json"));
  EXPECT_THAT(file.parsed.warnings, ElementsAre(HasSubstr("unknown key \"mine\"")));
  EXPECT_THAT(Inspect("digits.pt", {.config = {.strict = true}, .formats = DefaultFormats()}),
              IsRefused("unknown key \"mine\""));
}

TEST_F(InspectFileTest, LabelsAreReadAndCounted) {
  const auto write = [&](const std::string& labels) {
    auto zip = TorchScriptZip(
        {{"config.json",
          R"({"version": "1", "outputs": [{"name": "y", "shape": [-1, 2], "labels": "labels.txt"}]})"},
         {"labels.txt", labels}});
    dir_.Write("digits.pt", zip.Build());
  };
  write("cat\ndog\n");
  EXPECT_OK(Inspect("digits.pt"));
  write("cat\n");
  EXPECT_THAT(Inspect("digits.pt"), IsRefused("field \"outputs[0].labels\": there are 1 labels, but"));
  write("");
  EXPECT_THAT(Inspect("digits.pt"), IsRefused("labels \"labels.txt\": it is empty"));
  dir_.Write("digits.pt",
             TorchScriptArchive(R"({"version": "1", "outputs": [{"name": "y", "labels": "config.jsn"}]})"));
  EXPECT_THAT(
      Inspect("digits.pt"),
      IsRefused(
          "field \"outputs[0].labels\" names \"config.jsn\", which the file does not carry (did you mean"));
}

TEST_F(InspectFileTest, ASidecarServesWhereTheArchiveHasNoConfig) {
  dir_.Write("digits.pt", TorchScriptZip({}).Build());
  dir_.Write("digits.pt.config.json", R"({"name": "numbers", "version": "2"})");
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("digits.pt"));
  EXPECT_EQ(file.identity.name, "numbers");
  EXPECT_EQ(file.identity.version, "2");
  EXPECT_TRUE(file.config_from_sidecar);
  EXPECT_EQ(file.parsed.canonical_json, R"({"name":"numbers","version":"2"})");
}

TEST_F(InspectFileTest, TheArchivesConfigGoesBeforeTheSidecar) {
  dir_.Write("digits.pt", TorchScriptArchive(R"({"version": "1.0"})"));
  dir_.Write("digits.pt.config.json", R"({"version": "2"})");
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("digits.pt"));
  EXPECT_EQ(file.identity.version, "1.0");
  EXPECT_FALSE(file.config_from_sidecar);
  EXPECT_THAT(file.parsed.warnings, ElementsAre(AllOf(HasSubstr("\"digits.pt.config.json\" is ignored"),
                                                      HasSubstr("carries its own"))));
}

TEST_F(InspectFileTest, WithoutAnyConfigTheNumberedDirectoryIsEnough) {
  dir_.Write("digits/3/model.pt", TorchScriptZip({}).Build());
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("digits/3/model.pt"));
  EXPECT_EQ(file.identity.name, "digits");
  EXPECT_EQ(file.identity.version, "3");
  EXPECT_EQ(file.parsed.canonical_json, "{}");
  EXPECT_THAT(file.parsed.warnings, IsEmpty());
}

TEST_F(InspectFileTest, WithoutAnyVersionItSaysWhatToDo) {
  dir_.Write("digits.pt", TorchScriptZip({}).Build());
  EXPECT_THAT(Inspect("digits.pt"), IsRefused("no version: save the model with _extra_files"));
}

TEST_F(InspectFileTest, AnInvalidConfigIsRefusedWhereverItLies) {
  dir_.Write("a.pt", TorchScriptArchive(R"({"version": 1.0})"));
  EXPECT_THAT(Inspect("a.pt"), IsRefused("field \"version\": expected a string, got the number 1.0"));
  dir_.Write("b.pt", TorchScriptZip({}).Build());
  dir_.Write("b.pt.config.json", R"({"version": )");
  EXPECT_THAT(Inspect("b.pt"), IsRefused("config.json: line 1, column 13: syntax error"));
}

TEST_F(InspectFileTest, ASidecarIsReadWithinTheConfigsLimit) {
  dir_.Write("digits.pt", TorchScriptZip({}).Build());
  dir_.Write("digits.pt.config.json", std::string((1 << 20) + 1, ' '));
  EXPECT_THAT(Inspect("digits.pt"), IsRefused("has 1048577 bytes; at most 1048576 are allowed"));
  std::filesystem::remove(dir_ / "digits.pt.config.json");
  std::filesystem::create_directory(dir_ / "digits.pt.config.json");
  EXPECT_THAT(Inspect("digits.pt"), IsRefused("digits.pt.config.json\" is not a regular file"));
}

TEST_F(InspectFileTest, AnUnreadableSidecarIsNotAMissingOne) {
  dir_.Write("digits/1/model.pt", TorchScriptZip({}).Build());
  const std::string sidecar = dir_.Write("digits/1/model.pt.config.json", R"({"version": "1"})");
  files_.FailPath(Call::kOpenForRead, sidecar, absl::PermissionDeniedError("permission denied"));
  EXPECT_THAT(Inspect("digits/1/model.pt"),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("denied")));
  files_.Heal();
  files_.FailNth(Call::kOpenForRead, 2, absl::ResourceExhaustedError("too many open files"));
  EXPECT_THAT(Inspect("digits/1/model.pt"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too many")));
}

TEST_F(InspectFileTest, AFormatThatIsNotAllowedIsNamedWithTheRemedy) {
  dir_.Write("a.pt2", "any bytes");
  EXPECT_THAT(Inspect("a.pt2"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("the format pt2 is not allowed"), HasSubstr("machine code"),
                             HasSubstr("start modeld with --formats torchscript,pt2,onnx"))));
  const absl::Status onnx = CheckAllowed(ArtifactFormat::kOnnx, {ArtifactFormat::kTorchScript});
  EXPECT_THAT(onnx, StatusIs(absl::StatusCode::kFailedPrecondition,
                             "the format onnx is not allowed; to allow it, start modeld with --formats "
                             "torchscript,onnx"));
  const std::string reason = "file \"a.onnx\": " + std::string(onnx.message());
  EXPECT_TRUE(WasAboutFormat(reason, DefaultFormats()));
  EXPECT_FALSE(WasAboutFormat(reason, {ArtifactFormat::kTorchScript}));
  EXPECT_FALSE(WasAboutFormat("no version", AllFormats()));
}

TEST_F(InspectFileTest, APackageIsReadAsAnArchiveIs) {
  const InspectOptions options = {.config = {}, .formats = AllFormats()};
  dir_.Write("m.pt2", PackageZip({{"config.json", R"({"version": "1.0"})"}, {"golden/0", Sample()}}).Build());
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("m.pt2", options));
  EXPECT_EQ(file.archive.format, ArtifactFormat::kPt2);
  EXPECT_EQ(file.identity.version, "1.0");
  ASSERT_EQ(file.golden.size(), 1u);
  EXPECT_EQ(file.golden[0].path, "");
  dir_.Write("a.pt2", PackageZip({}, "").Build());
  EXPECT_THAT(Inspect("a.pt2", options),
              IsRefused("no version: write it into the model with modelctl stamp"));
  dir_.Write("a.pt2.config.json", R"({"version": "2"})");
  dir_.Write("a.pt2.golden/0", Sample());
  ASSERT_OK_AND_ASSIGN(const InspectedFile beside, Inspect("a.pt2", options));
  EXPECT_EQ(beside.identity.version, "2");
  EXPECT_EQ(beside.golden.size(), 1u);
}

TEST_F(InspectFileTest, OtherFilesAreNoModelFiles) {
  dir_.Write("a.txt", "any bytes");
  EXPECT_THAT(Inspect("a.txt"), IsRefused("\"a.txt\" is no model file: expected .pt, .pth, .jit or .ts "
                                          "(TorchScript), .pt2 or .onnx"));
  EXPECT_THAT(Inspect("missing.onnx"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing.onnx")));
}

// Looking for its sidecar failed with "file name too long", and was tried again for ever.
TEST_F(InspectFileTest, AFileNameTooLongForASidecarNeedsNone) {
  const std::string name = std::string(252, 'x') + ".pt";
  dir_.Write(name, TorchScriptZip({}).Build());
  EXPECT_THAT(Inspect(name), IsRefused("model name"));
  std::filesystem::create_directories(dir_ / "m/1");
  dir_.Write("m/1/" + name, TorchScriptZip({}).Build());
  EXPECT_OK(Inspect("m/1/" + name));
}

TEST_F(InspectFileTest, GoldenSamplesOfTheArchive) {
  const std::string config = R"({"version": "1.0"})";
  dir_.Write(
      "m.pt",
      TorchScriptZip(
          {{"config.json", config}, {"golden/10", Sample()}, {"golden/9", Sample()}, {"labels.txt", "a"}})
          .Build());
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("m.pt"));
  ASSERT_EQ(file.golden.size(), 2u);
  EXPECT_EQ(file.golden[0].name, "golden/9");
  EXPECT_EQ(file.golden[0].size_bytes, static_cast<int64_t>(Sample().size()));
  EXPECT_EQ(file.golden[0].path, "");
  EXPECT_EQ(file.golden[1].name, "golden/10");

  dir_.Write("a.pt", TorchScriptZip({{"config.json", R"({"version": "1.0", "golden": ["golden/7"]})"},
                                     {"golden/0", Sample()}})
                         .Build());
  EXPECT_THAT(Inspect("a.pt"), IsRefused("names \"golden/7\", which is not there"));
  dir_.Write("b.pt", TorchScriptZip({{"config.json", config}, {"golden/0", "nonsense"}}).Build());
  EXPECT_THAT(Inspect("b.pt"), IsRefused("golden sample \"golden/0\": it is no serialized"));
}

TEST_F(InspectFileTest, GoldenSamplesBesideTheFile) {
  dir_.Write("m.pt", TorchScriptZip({}).Build());
  dir_.Write("m.pt.config.json", R"({"version": "1.0"})");
  dir_.Write("m.pt.golden/0", Sample());
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("m.pt"));
  ASSERT_EQ(file.golden.size(), 1u);
  EXPECT_EQ(file.golden[0].name, "golden/0");
  EXPECT_EQ(file.golden[0].path, dir_ / "m.pt.golden/0");

  dir_.Write("m.pt.golden/1", "nonsense");
  EXPECT_THAT(Inspect("m.pt"), IsRefused("golden sample \"golden/1\""));
  std::filesystem::resize_file(dir_ / "m.pt.golden/1", kMaxGoldenBytes + 1);
  EXPECT_THAT(Inspect("m.pt"), IsRefused("\"golden/1\" is larger than 16777216 bytes"));
  std::filesystem::remove(dir_ / "m.pt.golden/1");
  files_.FailPath(Call::kOpenForRead, dir_ / "m.pt.golden/0", absl::ResourceExhaustedError("too many files"));
  EXPECT_THAT(Inspect("m.pt"), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too many files")));
  files_.Heal();

  dir_.Write("m.pt", TorchScriptZip({{"golden/0", Sample()}}).Build());
  EXPECT_THAT(Inspect("m.pt"), IsRefused("\"golden/0\" is in the archive and beside it"));
  dir_.Write("m.pt", TorchScriptArchive(R"({"version": "1.0"})"));
  ASSERT_OK_AND_ASSIGN(const InspectedFile own, Inspect("m.pt"));
  EXPECT_TRUE(own.golden.empty());
  EXPECT_THAT(own.parsed.warnings, ::testing::Contains(HasSubstr("golden samples beside it are ignored")));
}

TEST_F(InspectFileTest, AnOnnxFileWithItsOwnConfig) {
  dir_.Write("digits.onnx", OnnxFileWithConfig(R"({"version": "1.0", "mine": 1})"));
  dir_.Write("digits.onnx.config.json", R"({"version": "2"})");
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("digits.onnx"));
  EXPECT_EQ(file.archive.format, ArtifactFormat::kOnnx);
  EXPECT_EQ(file.identity.name, "digits");
  EXPECT_EQ(file.identity.version, "1.0");
  EXPECT_FALSE(file.config_from_sidecar);
  EXPECT_THAT(file.parsed.warnings, ElementsAre(HasSubstr("unknown key \"mine\""),
                                                HasSubstr("ignored: the file carries its own config.json")));
}

TEST_F(InspectFileTest, AnOnnxFileWithASidecarAndSamples) {
  dir_.Write("digits.onnx", OnnxFile());
  EXPECT_THAT(Inspect("digits.onnx"), IsRefused("no version: write it into the model with modelctl stamp"));
  dir_.Write("digits.onnx.config.json", R"({"name": "numbers", "version": "2"})");
  dir_.Write("digits.onnx.golden/0", Sample());
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("digits.onnx"));
  EXPECT_EQ(file.identity.name, "numbers");
  EXPECT_TRUE(file.config_from_sidecar);
  ASSERT_EQ(file.golden.size(), 1u);
  EXPECT_EQ(file.golden[0].path, dir_ / "digits.onnx.golden/0");
}

// It has no other place for them.
TEST_F(InspectFileTest, SamplesBesideAnOnnxFileCountThoughItCarriesItsConfig) {
  dir_.Write("m.onnx", OnnxFileWithConfig(R"({"version": "1.0", "golden": ["golden/0"]})"));
  EXPECT_THAT(Inspect("m.onnx"), IsRefused("as files of the directory <file>.golden/"));
  dir_.Write("m.onnx.golden/0", Sample());
  ASSERT_OK_AND_ASSIGN(const InspectedFile file, Inspect("m.onnx"));
  ASSERT_EQ(file.golden.size(), 1u);
  EXPECT_FALSE(file.golden_files_ignored);
  EXPECT_THAT(file.parsed.warnings, IsEmpty());
  dir_.Write("m.onnx.golden/0", "nonsense");
  EXPECT_THAT(Inspect("m.onnx"), IsRefused("golden sample \"golden/0\""));
}

TEST_F(InspectFileTest, AFileIsReadAsItsExtensionSays) {
  dir_.Write("a.onnx", TorchScriptArchive(R"({"version": "1.0"})"));
  EXPECT_THAT(Inspect("a.onnx"), IsRefused("no ONNX file: it looks like a ZIP file"));
  dir_.Write("a.pt", OnnxFileWithConfig(R"({"version": "1.0"})"));
  EXPECT_THAT(Inspect("a.pt"), IsRefused("no TorchScript archive"));
}

TEST_F(InspectFileTest, ErrorsOfTheArchiveComeThrough) {
  dir_.Write("empty.pt", "");
  EXPECT_THAT(Inspect("empty.pt"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("empty")));
  dir_.Write("text.pt", "hello");
  EXPECT_THAT(Inspect("text.pt"), IsRefused("no TorchScript archive"));
  dir_.Write("Bad Name.pt", TorchScriptArchive(R"({"version": "1.0"})"));
  EXPECT_THAT(Inspect("Bad Name.pt"), IsRefused("Bad Name"));
}

}  // namespace
}  // namespace modeld
