#include "registry/base/quote.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

struct Case {
  std::string_view text;
  std::string quoted;
  bool printable;
};

TEST(QuoteTest, MakesOneLineOfUtf8OfAnyBytes) {
  const Case cases[] = {
      {"", R"("")", true},
      {"plain text", R"("plain text")", true},
      {"grün 模型 🙂", R"("grün 模型 🙂")", true},
      {"say \"hi\" \\ back", R"("say \"hi\" \\ back")", true},
      {"a\nb\r\tc", R"("a\nb\r\tc")", false},
      {{"nul\0here", 8}, R"("nul\x00here")", false},
      {"\x1b[31mred\x7f", R"("\x1b[31mred\x7f")", false},
      {"\xff\xfe", R"("\xff\xfe")", false},
      {"cut \xe6\xa8", R"("cut \xe6\xa8")", false},          // a character without its end
      {"\xc0\xaf", R"("\xc0\xaf")", false},                  // overlong
      {"\xe0\x80\xaf", R"("\xe0\x80\xaf")", false},          // overlong
      {"\xed\xa0\x80", R"("\xed\xa0\x80")", false},          // surrogate
      {"\xf4\x90\x80\x80", R"("\xf4\x90\x80\x80")", false},  // beyond Unicode
      {"\xc2\x9b"
       "31m",
       R"("\xc2\x9b31m")", false},  // C1: terminals take it for ESC [
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Quote(c.text), c.quoted);
    EXPECT_EQ(IsPrintable(c.text), c.printable) << c.quoted;
  }
}

TEST(QuoteTest, ShortensWithoutCuttingACharacter) {
  EXPECT_EQ(Quote("abcdef", 6), "\"abcdef\"");
  EXPECT_EQ(Quote("abcdefg", 6), "\"abcdef…\"");
  EXPECT_EQ(Quote("abcdeü", 6), "\"abcde…\"");
  EXPECT_EQ(Quote("abcde\xff\xff", 6), "\"abcde\\xff…\"");
}

}  // namespace
}  // namespace modeld
