#include "daemon/lifecycle/version_names.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

TEST(VersionNamesTest, NamesAVersion) {
  EXPECT_EQ(NameVersion("digits", "1.0"), R"(version "1.0" of model "digits")");
}

TEST(VersionNamesTest, ListsHighestFirst) {
  EXPECT_EQ(ListVersions({}), "none");
  EXPECT_EQ(ListVersions({"1.9", "1.10", "1.10-rc.1"}), "1.10, 1.10-rc.1, 1.9");
}

TEST(VersionNamesTest, ListsAtMostTwenty) {
  std::vector<std::string> versions;
  for (int i = 1; i <= 23; ++i) versions.push_back(absl::StrCat(i));
  EXPECT_EQ(ListVersions(versions),
            "23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4 and 3 more");
}

}  // namespace
}  // namespace modeld
