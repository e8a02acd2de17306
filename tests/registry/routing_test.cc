#include "registry/routing.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RoutedVersionsTest, EachOnceSorted) {
  EXPECT_THAT(RoutedVersions({}), IsEmpty());
  const Routing routing{.labels = {{"stable", "1.0"}, {"next", "2.0"}, {"old", "1.0"}},
                        .canary = "2.0",
                        .canary_share = 0.1,
                        .shadow = "1.5",
                        .shadow_share = 1};
  EXPECT_THAT(RoutedVersions(routing), ElementsAre("1.0", "1.5", "2.0"));
}

TEST(ValidateLabelTest, TheRule) {
  for (const char* label : {"a", "stable", "blue-2.x_y", "0"}) EXPECT_OK(ValidateLabel(label)) << label;
  EXPECT_OK(ValidateLabel(std::string(64, 'a')));
  for (const std::string& label :
       {std::string(), std::string("-a"), std::string("A"), std::string("a b"), std::string(65, 'a')}) {
    EXPECT_THAT(ValidateLabel(label),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("breaks the rule")));
  }
  for (const char* label : {"live", "previous", "canary"}) {
    EXPECT_THAT(ValidateLabel(label),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("daemon's own")));
  }
}

TEST(ValidateShareTest, MoreThanNothingAndAtMostAll) {
  for (const double share : {1e-9, 0.05, 1.0}) EXPECT_OK(ValidateShare(share)) << share;
  for (const double share : {0.0, -0.1, 1.0001, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(ValidateShare(share),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("out of range")));
  }
}

}  // namespace
}  // namespace modeld
