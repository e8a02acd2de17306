#include "daemon/source/upload_path.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(CheckUploadPathTest, WhatMayBeDroppedMayBePushed) {
  for (const std::string path :
       {"digits.pt", "digits/any name.pth", "digits/3/model.ts", "größe.jit", "m.onnx"}) {
    EXPECT_OK(CheckUploadPath(path));
  }
}

TEST(CheckUploadPathTest, OthersAreRefusedWithTheReason) {
  const std::string long_part(256, 'x');
  const struct {
    std::string path, why;
  } cases[] = {{"", "empty part"},
               {"/etc/model.pt", "empty part"},
               {"a//model.pt", "empty part"},
               {"a/", "empty part"},
               {"../model.pt", "\"..\""},
               {"a/../model.pt", "\"..\""},
               {"./model.pt", "\".\""},
               {".hidden/model.pt", "\".hidden\""},
               {"model.pt.part", "work in progress"},
               {"a/b/c/model.pt", "more than 3 parts"},
               {"model", "does not end as"},
               {"model.zip", "does not end as"},
               {long_part + ".pt", "more than 255 bytes"},
               {"a\nb.pt", "not printable"},
               {std::string("a\0b.pt", 6), "not printable"},
               {"a\\b.pt", "backslashes"},
               {"\xff.pt", "not printable"}};
  for (const auto& [path, why] : cases) {
    EXPECT_THAT(CheckUploadPath(path),
                StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(why), HasSubstr("expected"))))
        << path;
  }
}

}  // namespace
}  // namespace modeld
