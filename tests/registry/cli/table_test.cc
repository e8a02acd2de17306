#include "registry/cli/table.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

TEST(TableTest, ColumnsAreAlignedAndLinesEndWithoutSpaces) {
  Table table({"MODEL", "V", "NOTE"});
  table.AddRow({"digits", "1.10", ""});
  table.AddRow({"a", "2", "why"});
  EXPECT_EQ(table.ToString(/*color=*/false),
            "MODEL   V     NOTE\n"
            "digits  1.10\n"
            "a       2     why\n");
}

TEST(TableTest, ColorsDoNotMoveColumns) {
  Table table({"STATE", "NOTE"});
  table.AddRow({{"ok", Tone::kGood}, "x"});
  EXPECT_EQ(table.ToString(/*color=*/true),
            "\x1b[1mSTATE\x1b[0m  \x1b[1mNOTE\x1b[0m\n"
            "\x1b[32mok\x1b[0m     x\n");
}

TEST(TableTest, WidthIsCountedInCharactersNotBytes) {
  Table table({"FILE", "NOTE"});
  table.AddRow({"ÄÖÜäöü", "x"});
  table.AddRow({"abcdef", "y"});
  EXPECT_EQ(table.ToString(false), "FILE    NOTE\nÄÖÜäöü  x\nabcdef  y\n");
}

// A file's name can hold anything; it must not steer the terminal or break a table.
TEST(TableTest, ControlCharactersAreEscaped) {
  Table table({"FILE"});
  table.AddRow({"a\x1b[2Jb\n.pt"});
  EXPECT_EQ(table.ToString(false), "FILE\n\"a\\x1b[2Jb\\n.pt\"\n");
}

}  // namespace
}  // namespace modeld
