#include "registry/base/closest_match.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

using ::testing::Optional;

const std::vector<std::string> kKeys = {"name", "version", "inputs", "outputs", "max_batch_size"};

TEST(ClosestMatchTest, FindsTypingErrors) {
  EXPECT_THAT(ClosestMatch("verison", kKeys), Optional(std::string("version")));  // neighbours swapped
  EXPECT_THAT(ClosestMatch("versio", kKeys), Optional(std::string("version")));   // one missing
  EXPECT_THAT(ClosestMatch("nname", kKeys), Optional(std::string("name")));       // one too many
  EXPECT_THAT(ClosestMatch("inpots", kKeys), Optional(std::string("inputs")));    // one wrong
  EXPECT_THAT(ClosestMatch("VERSION", kKeys), Optional(std::string("version")));
  EXPECT_THAT(ClosestMatch("maxBatchSize", kKeys), Optional(std::string("max_batch_size")));
}

TEST(ClosestMatchTest, TakesAtMostAThirdOfTheLongerLengthRoundedUp) {
  EXPECT_THAT(ClosestMatch("abcdef", {"abcdxy"}), Optional(std::string("abcdxy")));     // 2 of 6
  EXPECT_EQ(ClosestMatch("abcdef", {"abcxyz"}), std::nullopt);                          // 3 of 6
  EXPECT_THAT(ClosestMatch("abcdefg", {"abcdxyz"}), Optional(std::string("abcdxyz")));  // 3 of 7
  EXPECT_EQ(ClosestMatch("trained_on", kKeys), std::nullopt);
}

TEST(ClosestMatchTest, OfEquallyCloseOnesTheFirst) {
  EXPECT_THAT(ClosestMatch("cat", {"car", "cap"}), Optional(std::string("car")));
  EXPECT_THAT(ClosestMatch("cap", {"car", "cap"}), Optional(std::string("cap")));
}

TEST(ClosestMatchTest, OddArguments) {
  EXPECT_EQ(ClosestMatch("x", {}), std::nullopt);
  EXPECT_EQ(ClosestMatch("", {"name"}), std::nullopt);
  EXPECT_EQ(ClosestMatch(std::string(1 << 20, 'a'), {std::string(1 << 20, 'a')}), std::nullopt);
}

TEST(DidYouMeanTest, IsEmptyWhereNothingIsClose) {
  EXPECT_EQ(DidYouMean("verison", kKeys), " (did you mean \"version\"?)");
  EXPECT_EQ(DidYouMean("something", kKeys), "");
}

}  // namespace
}  // namespace modeld
