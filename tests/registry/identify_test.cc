#include "registry/identify.h"

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

v1::ModelConfig Config(const std::string& name, const std::string& version) {
  v1::ModelConfig config;
  config.set_name(name);
  config.set_version(version);
  return config;
}

TEST(IdentityFromPathTest, Layouts) {
  struct Case {
    const char* path;
    const char* name;
    std::optional<std::string> version;
  };
  const Case cases[] = {
      {"digits.pt", "digits", {}},
      {"digits.v2.pt", "digits.v2", {}},
      {"digits/anything.pt", "digits", {}},
      {"digits/3/model.pt", "digits", "3"},
      {"digits/0042/model.pt", "digits", "0042"},
      {"digits/v3/model.pt", "digits", {}},
      {"digits/1.2/model.pt", "digits", {}},
      {"3/model.pt", "3", {}},
      {".pt", ".pt", {}},
      {"Digits.pt", "Digits", {}},  // judged later
  };
  for (const Case& c : cases) {
    const PathIdentity identity = IdentityFromPath(c.path);
    EXPECT_EQ(identity.name, c.name) << c.path;
    EXPECT_EQ(identity.version, c.version) << c.path;
  }
}

TEST(IdentifyModelTest, TheConfigGoesBeforeThePath) {
  struct Case {
    const char* path;
    v1::ModelConfig config;
    const char* name;
    const char* version;
  };
  const Case cases[] = {
      {"digits.pt", Config("", "1.0"), "digits", "1.0"},
      {"digits.pt", Config("numbers", "1.0"), "numbers", "1.0"},
      {"digits/a.pt", Config("numbers", "1.0"), "numbers", "1.0"},
      {"digits/3/model.pt", Config("", ""), "digits", "3"},
      {"digits/3/model.pt", Config("", "3"), "digits", "3"},
      {"Not A Name.pt", Config("digits", "1.0"), "digits", "1.0"},
  };
  for (const Case& c : cases) {
    ASSERT_OK_AND_ASSIGN(const ModelIdentity identity, IdentifyModel(c.path, c.config));
    EXPECT_EQ(identity.name, c.name) << c.path;
    EXPECT_EQ(identity.version, c.version) << c.path;
  }
}

TEST(IdentifyModelTest, WithoutAVersionTheMessageSaysEveryRemedy) {
  EXPECT_THAT(IdentifyModel("sub/digits.pt", Config("", "")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("no version"), HasSubstr("_extra_files"),
                             HasSubstr("\"digits.pt.config.json\""), HasSubstr("\"sub/1/digits.pt\""))));
}

TEST(IdentifyModelTest, ANumberedDirectoryMustAgreeWithTheConfig) {
  EXPECT_THAT(IdentifyModel("digits/3/model.pt", Config("", "4")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("digits/3/model.pt"), HasSubstr("\"3\""), HasSubstr("\"4\""))));
}

TEST(IdentifyModelTest, ANameThatBreaksTheRuleSaysWhereItComesFrom) {
  EXPECT_THAT(IdentifyModel("Bad Name.pt", Config("", "1")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("Bad Name"), HasSubstr("from the path \"Bad Name.pt\""))));
  EXPECT_THAT(IdentifyModel("digits.pt", Config("Bad Name", "1")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("from config.json")));
  EXPECT_THAT(IdentifyModel("-x.pt", Config("", "1")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-x")));
}

TEST(IdentifyModelTest, AVersionThatBreaksTheRuleIsRefused) {
  EXPECT_THAT(IdentifyModel("digits.pt", Config("", "1/2")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1/2")));
  EXPECT_THAT(IdentifyModel("digits/" + std::string(129, '1') + "/model.pt", Config("", "")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("111")));
}

TEST(IsWorkInProgressTest, KnowsWhatCopyingToolsWrite) {
  for (const char* name : {".digits.pt", ".digits.pt.Xy12ab", "digits.pt~", "digits.pt.tmp", "digits.pt.part",
                           "digits.pt.partial", "digits.pt.crdownload", "digits.pt.filepart", "digits.pt.swp",
                           "digits.pt.TMP", "."}) {
    EXPECT_TRUE(IsWorkInProgress(name)) << name;
  }
  for (const char* name : {"digits.pt", "part.pt", "tmp", "digits.tmp.pt", "~digits.pt", ""}) {
    EXPECT_FALSE(IsWorkInProgress(name)) << name;
  }
}

TEST(SidecarPathTest, StandsBesideTheFile) {
  EXPECT_EQ(SidecarPath("a/digits.pt"), "a/digits.pt.config.json");
}

}  // namespace
}  // namespace modeld
