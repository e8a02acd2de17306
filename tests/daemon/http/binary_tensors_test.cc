#include "daemon/http/binary_tensors.h"

#include <gmock/gmock.h>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::HasSubstr;

TEST(BinaryTensorsTest, TheHeaderSaysWhereTheJsonEnds) {
  ASSERT_OK_AND_ASSIGN(BodyParts parts, SplitBody("{}abc", "2"));
  EXPECT_EQ(parts.json, "{}");
  EXPECT_EQ(parts.binary, "abc");
  ASSERT_OK_AND_ASSIGN(parts, SplitBody("{}", ""));
  EXPECT_EQ(parts.json, "{}");
  EXPECT_EQ(parts.binary, "");
}

TEST(BinaryTensorsTest, AWrongHeaderIsRefused) {
  for (const char* const length : {"3", "-1", "x", "1 ", "99999999999999999999"}) {
    EXPECT_THAT(SplitBody("{}", length).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Inference-Header-Content-Length")));
  }
  EXPECT_THAT(SplitBody("{}", "0").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without JSON")));
}

}  // namespace
}  // namespace modeld
