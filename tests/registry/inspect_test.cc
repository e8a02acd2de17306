#include "registry/inspect.h"

#include <filesystem>

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
using Call = FaultyFileSystem::Call;

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}

class InspectFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<InspectedFile> Inspect(const std::string& relative_path, const ConfigOptions& options = {}) {
    const std::string path = dir_ / relative_path;
    return InspectFile(files_, path, relative_path, SidecarPath(path), options);
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
  EXPECT_THAT(Inspect("digits.pt", {.strict = true}), IsRefused("unknown key \"mine\""));
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

TEST_F(InspectFileTest, FormatsWithoutAnEngineAreNamed) {
  dir_.Write("a.pt2", "any bytes");
  dir_.Write("a.onnx", "any bytes");
  dir_.Write("a.txt", "any bytes");
  EXPECT_THAT(Inspect("a.pt2"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("format pt2 is not supported"), HasSubstr("torch.jit.save"))));
  EXPECT_THAT(Inspect("a.onnx"), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("format onnx")));
  EXPECT_THAT(Inspect("a.txt"), IsRefused("\"a.txt\" is no model file: expected .pt"));
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
