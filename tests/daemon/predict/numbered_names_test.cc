#include "daemon/predict/numbered_names.h"

#include <gtest/gtest.h>

#include "tests/support/fake_engine.h"

namespace modeld {
namespace {

TEST(NumberedNamesTest, NumbersStandForArguments) {
  const Method method = FakeForward({FakeArgument("image"), FakeArgument("flag")});
  EXPECT_EQ(ArgumentOfNumbered(method, "INPUT__0"), "image");
  EXPECT_EQ(ArgumentOfNumbered(method, "INPUT__1"), "flag");
  EXPECT_EQ(ArgumentOfNumbered(method, "image"), "image");
  for (const char* const other : {"INPUT__2", "INPUT__", "INPUT__-1", "INPUT__ 1", "INPUT__1x", "input__0",
                                  "INPUT__99999999999999999999"}) {
    EXPECT_EQ(ArgumentOfNumbered(method, other), other);
  }
}

TEST(NumberedNamesTest, AnArgumentThatIsCalledSoIsMeant) {
  const Method method = FakeForward({FakeArgument("a"), FakeArgument("INPUT__0")});
  EXPECT_EQ(ArgumentOfNumbered(method, "INPUT__0"), "INPUT__0");
}

TEST(NumberedNamesTest, NumbersOfOutputs) {
  EXPECT_EQ(NumberOf("OUTPUT__12", kNumberedOutput), 12u);
  EXPECT_EQ(NumberOf("OUTPUT__", kNumberedOutput), std::nullopt);
  EXPECT_EQ(NumberOf("INPUT__1", kNumberedOutput), std::nullopt);
}

}  // namespace
}  // namespace modeld
