#include "registry/release_manifest.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string WithModels(int count) {
  std::string json = "{\"models\": [";
  for (int i = 0; i < count; ++i) absl::StrAppend(&json, i == 0 ? "" : ", ", "\"m", i, ".pt\"");
  return json + "]}";
}

TEST(ParseReleaseManifestTest, EverythingThatItMayHold) {
  ASSERT_OK_AND_ASSIGN(const ReleaseManifest manifest, ParseReleaseManifest(R"({
    "description": "week 48",
    "models": ["digits-1.1.pt", "faces/faces-2.0.PTH", "voices/3/model.ts"]
  })"));
  EXPECT_THAT(manifest.models, ElementsAre("digits-1.1.pt", "faces/faces-2.0.PTH", "voices/3/model.ts"));
  EXPECT_EQ(manifest.description, "week 48");
}

TEST(ParseReleaseManifestTest, OneModelIsEnoughAndAHundredAreAllowed) {
  ASSERT_OK_AND_ASSIGN(const ReleaseManifest one, ParseReleaseManifest(R"({"models": ["a.pt"]})"));
  EXPECT_EQ(one.description, "");
  ASSERT_OK_AND_ASSIGN(const ReleaseManifest many, ParseReleaseManifest(WithModels(100)));
  EXPECT_THAT(many.models, SizeIs(100));
}

TEST(ParseReleaseManifestTest, ErrorsNameTheFieldTheValueAndWhatWasExpected) {
  const struct {
    std::string json;
    std::string message;  // after "manifest.json: "
  } cases[] = {
      {"", "line 1"},
      {"{\"models\": [\"a.pt\"]", "line 1, column"},
      {"[\"a.pt\"]", "expected an object, as {\"models\": [\"digits.pt\"]}, got an array"},
      {R"({"models": ["a.pt"], "models": ["b.pt"]})", "key \"models\" is there twice"},
      {"{}", "field \"models\": missing"},
      {R"({"model": ["a.pt"]})", "unknown key \"model\" (did you mean \"models\"?)"},
      {R"({"models": ["a.pt"], "descripton": ""})", "(did you mean \"description\"?)"},
      {R"({"models": ["a.pt"], "when": 1})", "unknown key \"when\""},
      {R"({"models": ["a.pt"], "description": 7})", "field \"description\": expected a string, got"},
      {R"({"models": "a.pt"})", "field \"models\": expected a list of paths"},
      {R"({"models": []})", "field \"models\": names no model file"},
      {WithModels(101), "field \"models\": 101 model files; at most 100"},
      {R"({"models": ["a.pt", 7]})", "field \"models[1]\": expected the path of a model file"},
      {R"({"models": [""]})", "field \"models[0]\": \"\" has a part that is empty"},
      {R"({"models": ["/srv/a.pt"]})", "field \"models[0]\": \"/srv/a.pt\" is absolute"},
      {R"({"models": ["../a.pt"]})", "\"../a.pt\" leads out of the release's directory"},
      {R"({"models": ["a/../../b.pt"]})", "leads out"},
      {R"({"models": ["./a.pt"]})", "\"./a.pt\" has a part that is empty or \".\""},
      {R"({"models": ["a//b.pt"]})", "\"a//b.pt\" has a part that is empty"},
      {R"({"models": ["faces/"]})", "has a part that is empty"},
      {R"({"models": ["a\\b.pt"]})", "holds control characters or backslashes"},
      {R"({"models": ["a\nb.pt"]})", "holds control characters or backslashes"},
      {R"({"models": [".a.pt"]})", "is hidden or work in progress"},
      {R"({"models": ["a.pt.part"]})", "is hidden or work in progress"},
      {R"({"models": ["faces.tmp/a.pt"]})", "work in progress, as \"faces.tmp\" says"},
      {R"({"models": ["a/b/c/d.pt"]})", "lies too deep"},
      {R"({"models": ["notes.txt"]})", "\"notes.txt\" is no model file by its extension"},
      {R"({"models": ["faces"]})", "is no model file"},
      {R"({"models": ["a.pt", "b.pt", "a.pt"]})", "field \"models[2]\": \"a.pt\" is there twice"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(ParseReleaseManifest(c.json),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(StartsWith("manifest.json: "), HasSubstr(c.message))))
        << c.json;
  }
}

}  // namespace
}  // namespace modeld
