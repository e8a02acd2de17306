#include "daemon/rpc/paging.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::HasSubstr;

TEST(PagingTest, PageSizeDefaultsAndIsLimited) {
  EXPECT_EQ(*PageSize(0), 100);
  EXPECT_EQ(*PageSize(1), 1);
  EXPECT_EQ(*PageSize(1000), 1000);
  EXPECT_EQ(*PageSize(1001), 1000);
  EXPECT_THAT(PageSize(-1), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("page_size is -1")));
}

TEST(PagingTest, NamesComeBackFromTheirTokens) {
  for (const std::string name : {"a", "digits", "resnet-50.v2_x"}) {
    ASSERT_OK_AND_ASSIGN(const std::string back, NameOfToken(TokenAfterName(name)));
    EXPECT_EQ(back, name);
  }
  EXPECT_EQ(*NameOfToken(""), "");
}

TEST(PagingTest, IdsComeBackFromTheirTokens) {
  for (const int64_t id : {int64_t{1}, int64_t{99}, int64_t{1} << 40}) {
    ASSERT_OK_AND_ASSIGN(const int64_t back, IdOfToken(TokenBeforeId(id)));
    EXPECT_EQ(back, id);
  }
  EXPECT_EQ(*IdOfToken(""), 0);
}

TEST(PagingTest, ForeignTokensAreRefused) {
  for (const char* token : {"digits!", "%%%", "RGlnaXRz" /* "Digits" */, "\xff"}) {
    EXPECT_THAT(NameOfToken(token),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("next_page_token")));
  }
  const std::vector<std::string> tokens = {TokenAfterName("digits"), TokenBeforeId(0), TokenBeforeId(-4),
                                           "17"};
  for (const std::string& token : tokens) {
    EXPECT_THAT(IdOfToken(token), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("next_page_token")));
  }
}

}  // namespace
}  // namespace modeld
