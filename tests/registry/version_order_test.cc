#include "registry/version_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct LadderCase {
  const char* what;
  std::vector<std::string_view> lowest_first;
};

void PrintTo(const LadderCase& ladder, std::ostream* out) { *out << ladder.what; }

class VersionLadderTest : public testing::TestWithParam<LadderCase> {};

// Every pair of the ladder, in both directions.
TEST_P(VersionLadderTest, EveryRungIsHigherThanAllBelow) {
  const std::vector<std::string_view>& ladder = GetParam().lowest_first;
  for (size_t low = 0; low < ladder.size(); ++low) {
    EXPECT_TRUE(CompareVersions(ladder[low], ladder[low]) == 0) << ladder[low];
    for (size_t high = low + 1; high < ladder.size(); ++high) {
      EXPECT_TRUE(CompareVersions(ladder[low], ladder[high]) < 0) << ladder[low] << " < " << ladder[high];
      EXPECT_TRUE(CompareVersions(ladder[high], ladder[low]) > 0) << ladder[high] << " > " << ladder[low];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, VersionLadderTest,
    testing::Values(
        LadderCase{"numbers are not text", {"1.2", "1.9", "1.10", "1.100", "2", "10"}},
        LadderCase{"any number of parts", {"1.0.0.1", "1.0.1", "1.0.1.0.1", "1.1", "1.1.0.0.2"}},
        LadderCase{"equal numbers are ordered by spelling", {"01", "1", "1.0", "1.0.0", "1.0.1"}},
        LadderCase{"numbers longer than 64 bits",
                   {"1.18446744073709551615", "1.18446744073709551616", "1.99999999999999999999999999999998",
                    "1.99999999999999999999999999999999", "1.100000000000000000000000000000000", "2"}},
        LadderCase{"leading zeros do not count", {"1.009", "1.10", "1.0011"}},
        LadderCase{"the example of SemVer item 11",
                   {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
                    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"}},
        LadderCase{"numeric pre-releases come before text",
                   {"1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-a", "1.0.0"}},
        LadderCase{"pre-releases of shorter versions", {"0.9", "1.0-rc.1", "1.0", "1.1-rc.1", "1.1"}},
        LadderCase{"hyphens within a pre-release", {"1.0-rc-1", "1.0-rc-2", "1.0"}},
        LadderCase{"an empty pre-release", {"1.0-", "1.0"}},
        LadderCase{"build metadata breaks ties only",
                   {"1.0+b", "1.0+b-1", "1.0.0+a", "1.0.1+a", "1.0.2-rc+z", "1.0.2"}},
        LadderCase{"a leading v does not count", {"v1.2", "1.3", "v1.9", "1.10", "V1.11"}},
        LadderCase{"a v that leads a word is text", {"9", "vanilla", "vanilla2"}},
        LadderCase{"text after numbers", {"1.9", "1.99.2", "1.a", "1.b", "2", "latest"}},
        LadderCase{"empty parts count as zero", {"1.", "1..0", "1..1", "1.1"}},
        LadderCase{"dates",
                   {"2023-12-31", "2024-06-01", "2024-06-02", "2024-06-10", "2024-10-01", "2024-11"}},
        LadderCase{"dates without leading zeros", {"2024-6-1", "2024-6-10", "2024-10-1"}},
        LadderCase{
            "dates with a serial",
            {"2024-06-01", "2024-06-01-1", "2024-06-01-2", "2024-06-01.3", "2024-06-01-10", "2024-06-02"}},
        LadderCase{"dates with a time", {"20240601", "20240601-0930", "20240601-1545", "20240602-0100"}},
        LadderCase{"dates with a pre-release",
                   {"2024-06-01-rc.1", "2024-06-01-rc.2", "2024-06-01", "2024-06-02-rc.1"}},
        LadderCase{"a hyphen after a dot begins a pre-release",
                   {"2024.06-01", "2024.06-02", "2024.06", "2024.06.01"}},
        LadderCase{"commit hashes", {"1-0a1b2c3", "1-7f3e9aa", "1"}}));

TEST(CompareVersionsTest, EqualPrecedenceIsOrderedBytewise) {
  EXPECT_TRUE(CompareVersions("1.0", "1.0.0") < 0);
  EXPECT_TRUE(CompareVersions("1.0", "v1.0") < 0);
  EXPECT_TRUE(CompareVersions("1.0+a", "1.0+b") < 0);
  EXPECT_TRUE(CompareVersions("2024-06-01", "2024.06.01") < 0);
}

// Short strings over the characters with a meaning, so that near misses are common.
std::string RandomVersion(std::mt19937& random) {
  constexpr std::string_view kAlphabet = "0129.-+avz.-";
  std::string text;
  const size_t size = random() % 9;
  for (size_t i = 0; i < size; ++i) text += kAlphabet[random() % kAlphabet.size()];
  return text;
}

TEST(CompareVersionsTest, IsAStrictTotalOrderOverRandomStrings) {
  std::mt19937 random(20240601);
  std::vector<std::string> versions;
  for (int i = 0; i < 3000; ++i) versions.push_back(RandomVersion(random));
  for (int i = 0; i < 300'000; ++i) {
    const std::string& a = versions[random() % versions.size()];
    const std::string& b = versions[random() % versions.size()];
    const std::string& c = versions[random() % versions.size()];
    const auto ab = CompareVersions(a, b);
    ASSERT_EQ(ab == 0, a == b) << '"' << a << "\" \"" << b << '"';
    ASSERT_TRUE(ab == 0 <=> CompareVersions(b, a)) << '"' << a << "\" \"" << b << '"';
    if (ab < 0 && CompareVersions(b, c) < 0) {
      ASSERT_TRUE(CompareVersions(a, c) < 0) << '"' << a << "\" \"" << b << "\" \"" << c << '"';
    }
  }
  // The consequence that matters: the highest does not depend on the order of arrival.
  std::vector<std::string> sorted = versions;
  std::sort(sorted.begin(), sorted.end(), VersionLess());
  std::shuffle(versions.begin(), versions.end(), random);
  std::sort(versions.begin(), versions.end(), VersionLess());
  EXPECT_EQ(versions, sorted);
}

TEST(ValidateVersionTest, AcceptsWhatTheRuleAllows) {
  for (const std::string& version : std::vector<std::string>{"1", "1.0", "v1.0-rc.1+build_7", "2024-06-01",
                                                             "Latest", std::string(128, '9')}) {
    EXPECT_OK(ValidateVersion(version));
  }
}

TEST(ValidateVersionTest, RefusesTheRestWithTheRule) {
  for (const std::string& version : std::vector<std::string>{
           "", ".1", "-1", "+1", "_1", "1 0", "1/0", "../1", "1\n", std::string("1\0", 2), "1.0é",
           std::string(129, '9'), std::string(100'000, '9')}) {
    const absl::Status status = ValidateVersion(version);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 AllOf(HasSubstr("1 to 128 characters"), HasSubstr("\"._+-\""))));
    EXPECT_LT(status.message().size(), 600u);
  }
}

TEST(ValidateModelNameTest, AcceptsWhatTheRuleAllows) {
  for (const std::string& name : std::vector<std::string>{"digits", "7b", "a.b_c-d", std::string(128, 'm')}) {
    EXPECT_OK(ValidateModelName(name));
  }
}

TEST(ValidateModelNameTest, RefusesTheRestWithTheRule) {
  for (const std::string& name : std::vector<std::string>{"", ".digits", "-digits", "_digits", "di gits",
                                                          "a/b", "..", "a+b", "é", std::string(129, 'm')}) {
    EXPECT_THAT(ValidateModelName(name),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("1 to 128 characters"), Not(HasSubstr("name it")))));
  }
}

TEST(ValidateModelNameTest, OffersLowerCaseWhereThatWouldDo) {
  EXPECT_THAT(ValidateModelName("ResNet-18"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"ResNet-18\""), HasSubstr("name it \"resnet-18\""))));
  EXPECT_THAT(ValidateModelName("Res Net"),
              StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("name it"))));
}

}  // namespace
}  // namespace modeld
