#include "daemon/http/json_reader.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::HasSubstr;

absl::Status Check(const std::string& text) {
  JsonReader reader(text);
  return reader.Skip() && reader.End() ? absl::OkStatus() : reader.status();
}

TEST(JsonReaderTest, WhatIsJsonIsRead) {
  for (const char* const text : {"{}", "[]", " [1, -2.5e+3, 0, -0, 1E5, true, false, null, \"a\\u00e9\\n\"] ",
                                 R"({"a":{"b":[{}]}})", "\"\xc3\xa9\"", R"("\ud83d\ude00")"}) {
    EXPECT_OK(Check(text)) << text;
  }
}

TEST(JsonReaderTest, WhatIsNotIsRefused) {
  for (const char* const text :
       {"",          "{",           "[1,]",        "{\"a\"}",  "{\"a\":1,}", "01",    "1.",
        ".5",        "+1",          "1e",          "tru",      "'a'",        "\"a",   "\"\\x\"",
        "\"\\u12\"", R"("\ud83d")", R"("\ude00")", "\"\xff\"", "\"\n\"",     "[1] 2", "NaN",
        "-Infinity", "[1 2]",       "nul",         "--1",      "{1:2}"}) {
    EXPECT_THAT(Check(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("malformed JSON at byte")))
        << text;
  }
}

TEST(JsonReaderTest, DeepNestingIsRefused) {
  EXPECT_OK(Check(std::string(80, '[') + std::string(80, ']')));
  EXPECT_THAT(Check(std::string(100000, '[')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no deeper")));
}

TEST(JsonReaderTest, StringsAreUnescaped) {
  std::string text;
  ASSERT_TRUE(JsonReader(R"("\"\\\/\b\f\n\r\tA\u20ac\ud83d\ude00\u0000")").String(&text));
  EXPECT_EQ(text, std::string("\"\\/\b\f\n\r\tA\xe2\x82\xac\xf0\x9f\x98\x80\0", 17));
}

}  // namespace
}  // namespace modeld
