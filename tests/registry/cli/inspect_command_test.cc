#include "registry/cli/inspect_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "modeld/v1/value.pb.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kConfig[] = R"({"version": "1.1", "verison": "2", "description": "handwritten",
  "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 64]}], "outputs": [{"name": "logits"}]})";

TEST(RelativePathTest, LeastSurprising) {
  const struct {
    const char* path;
    const char* as;
    const char* drop_directory;
    const char* expected;
  } kCases[] = {
      {"/downloads/digits.pt", "", "", "digits.pt"},
      {"/srv/digits/3/model.pt", "", "", "digits/3/model.pt"},
      {"/3/model.pt", "", "", "model.pt"},
      {"/srv/models/digits/any.pt", "", "/srv/models", "digits/any.pt"},
      {"/srv/models/x/../digits.pt", "", "/srv/models/", "digits.pt"},
      {"/downloads/a.pt", "digits/3/a.pt", "", "digits/3/a.pt"},
  };
  for (const auto& c : kCases) {
    InspectArguments arguments;
    arguments.as = c.as;
    arguments.drop_directory = c.drop_directory;
    EXPECT_EQ(RelativePathFor(c.path, arguments).value_or("error"), c.expected) << c.path;
  }
}

TEST(RelativePathTest, OutsideOfTheDropDirectoryIsAnError) {
  InspectArguments arguments;
  arguments.drop_directory = "/srv/models";
  for (const char* path : {"/srv/other/a.pt", "/srv/models/../a.pt", "/srv/models"}) {
    EXPECT_THAT(RelativePathFor(path, arguments),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not lie in the drop directory")))
        << path;
  }
}

class InspectTest : public testing::Test {
 protected:
  const TempDir directory_;
  InspectArguments arguments_;
};

TEST_F(InspectTest, TellsWhatTheArtifactSays) {
  const InspectReport report =
      Inspect(directory_.Write("digits.pt", TorchScriptArchive(kConfig)), arguments_);
  ASSERT_OK(report.status);
  EXPECT_THAT(RenderReport(report),
              AllOf(HasSubstr("model:    digits\n"), HasSubstr("version:  1.1\n"),
                    HasSubstr("about:    handwritten\n"), HasSubstr("config:   archive\n"),
                    HasSubstr("input:    x: FP32[-1, 64]\n"), HasSubstr("output:   logits: any\n"),
                    HasSubstr("did you mean \"version\"?")));
  const nlohmann::ordered_json json = ReportsToJson({report})["files"][0];
  EXPECT_EQ(json["model"], "digits");
  EXPECT_EQ(json["version"], "1.1");
  EXPECT_EQ(json["accepted"], true);
  EXPECT_EQ(json["config"]["inputs"][0]["shape"], nlohmann::json({-1, 64}));
  EXPECT_EQ(json["warnings"].size(), 1u);
  EXPECT_FALSE(json.contains("sha256"));
}

TEST_F(InspectTest, StrictConfigRefusesWhatIsOtherwiseAWarning) {
  const std::string path = directory_.Write("digits.pt", TorchScriptArchive(kConfig));
  arguments_.strict_config = true;
  EXPECT_THAT(Inspect(path, arguments_).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("verison")));
}

TEST_F(InspectTest, HashesOnlyWhenAsked) {
  const std::string path = directory_.Write("digits.pt", TorchScriptArchive(kConfig));
  EXPECT_EQ(Inspect(path, arguments_).sha256, "");
  arguments_.sha256 = true;
  EXPECT_EQ(Inspect(path, arguments_).sha256.size(), 64u);
}

TEST_F(InspectTest, RefusedFilesTellWhy) {
  const InspectReport report = Inspect(directory_.Write("digits.pt", "PK\3\4 half"), arguments_);
  EXPECT_THAT(RenderReport(report), HasSubstr("refused:  incomplete"));
  const nlohmann::ordered_json json = ReportsToJson({report})["files"][0];
  EXPECT_EQ(json["accepted"], false);
  EXPECT_EQ(json["error"]["code"], "UNAVAILABLE");
}

TEST_F(InspectTest, AnOnnxFileIsToldLikeAnArchive) {
  const InspectReport report =
      Inspect(directory_.Write("digits.onnx", OnnxFileWithConfig(kConfig)), arguments_);
  ASSERT_OK(report.status);
  EXPECT_THAT(RenderReport(report), AllOf(HasSubstr("version:  1.1\n"), HasSubstr("format:   onnx, "),
                                          HasSubstr("config:   in the file\n")));
  const nlohmann::ordered_json json = ReportsToJson({report})["files"][0];
  EXPECT_EQ(json["format"], "onnx");
  EXPECT_EQ(json["config_source"], "archive");
}

TEST_F(InspectTest, GoldenSamplesAreShown) {
  v1::GoldenSample sample;
  (*sample.mutable_outputs())["y"].set_int_value(1);
  const std::string bytes = sample.SerializeAsString();
  const std::string path = directory_.Write(
      "a.pt", TorchScriptZip({{"config.json", R"({"version": "1"})"}, {"golden/0", bytes}}).Build());
  const InspectReport report = Inspect(path, arguments_);
  EXPECT_THAT(RenderReport(report), HasSubstr("  golden:   golden/0, "));
  const nlohmann::ordered_json json = ReportsToJson({report})["files"][0]["golden"][0];
  EXPECT_EQ(json["name"], "golden/0");
  EXPECT_EQ(json["size_bytes"], bytes.size());
  EXPECT_EQ(json["beside_the_file"], false);

  const std::string other = directory_.Write("b.pt", TorchScriptZip({}).Build());
  directory_.Write("b.pt.config.json", R"({"version": "1"})");
  directory_.Write("b.pt.golden/7", bytes);
  EXPECT_THAT(RenderReport(Inspect(other, arguments_)),
              AllOf(HasSubstr("  golden:   golden/7, "), HasSubstr(", beside the file\n")));
}

}  // namespace
}  // namespace modeld
