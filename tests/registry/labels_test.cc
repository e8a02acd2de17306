#include "registry/labels.h"

#include <string>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}

TEST(ParseLabelsTest, OneALine) {
  EXPECT_THAT(*ParseLabels("l", "cat\ndog\n"), ElementsAre("cat", "dog"));
  EXPECT_THAT(*ParseLabels("l", "cat\r\n\r\nçà"), ElementsAre("cat", "", "çà"));
  EXPECT_THAT(*ParseLabels("l",
                           "\xEF\xBB\xBF"
                           "cat"),
              ElementsAre("cat"));
}

TEST(ParseLabelsTest, WhatIsNoneIsRefused) {
  EXPECT_THAT(ParseLabels("labels.txt", ""), IsRefused("labels \"labels.txt\": it is empty"));
  EXPECT_THAT(ParseLabels("l", "a\nb\xFF\n"), IsRefused("line 2 is \"b\\xff\""));
  EXPECT_THAT(ParseLabels("l", std::string(kMaxLabels + 1, '\n')), IsRefused("more than 100000 lines"));
}

}  // namespace
}  // namespace modeld
