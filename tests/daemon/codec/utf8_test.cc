#include "daemon/codec/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace modeld {
namespace {

struct Case {
  const char* name;
  std::string text;
  std::string valid;  // as ToUtf8 makes it
};

const std::string kReplacement = "\xef\xbf\xbd";

class Utf8Test : public testing::TestWithParam<Case> {};

TEST_P(Utf8Test, ReplacesWhatIsNotWellFormedAndNothingElse) {
  EXPECT_EQ(IsUtf8(GetParam().text), GetParam().text == GetParam().valid);
  EXPECT_EQ(ToUtf8(GetParam().text), GetParam().valid);
  EXPECT_TRUE(IsUtf8(ToUtf8(GetParam().text)));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, Utf8Test,
    testing::Values(Case{"Empty", "", ""}, Case{"Ascii", "digits", "digits"},
                    Case{"NulByte", std::string("a\0b", 3), std::string("a\0b", 3)},
                    Case{"TwoBytes", "Z\xc3\xbcrich", "Z\xc3\xbcrich"},
                    Case{"ThreeBytes", "\xe2\x82\xac", "\xe2\x82\xac"},
                    Case{"FourBytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
                    Case{"LastCodePoint", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
                    Case{"BeforeSurrogates", "\xed\x9f\xbf", "\xed\x9f\xbf"},
                    Case{"Latin1", "Z\xfcrich.pt", "Z" + kReplacement + "rich.pt"},
                    Case{"LoneContinuation", "\x80", kReplacement},
                    Case{"TruncatedAtEnd", "a\xe2\x82", "a" + kReplacement + kReplacement},
                    Case{"OverlongSlash", "\xc0\xaf", kReplacement + kReplacement},
                    Case{"OverlongThreeBytes", "\xe0\x80\x80", kReplacement + kReplacement + kReplacement},
                    Case{"OverlongFourBytes", "\xf0\x80\x80\x80",
                         kReplacement + kReplacement + kReplacement + kReplacement},
                    Case{"Surrogate", "\xed\xa0\x80", kReplacement + kReplacement + kReplacement},
                    Case{"BeyondUnicode", "\xf4\x90\x80\x80",
                         kReplacement + kReplacement + kReplacement + kReplacement},
                    Case{"NeverAByte", "\xff", kReplacement},
                    Case{"GoodAfterBad", "\xe2(\xc3\xbc", kReplacement + "(\xc3\xbc"}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace modeld
