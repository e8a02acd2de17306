#include "daemon/rpc/actor.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

TEST(ActorTextTest, TheKernelsWordGoesBeforeTheClaim) {
  EXPECT_EQ(ActorText("ann", "ann"), "ann");
  EXPECT_EQ(ActorText("ann", ""), "ann");
  EXPECT_EQ(ActorText("root", "ann (sudo)"), "root, as ann (sudo)");
  EXPECT_EQ(ActorText("uid 1005", "root"), "uid 1005, as root");
}

TEST(ActorTextTest, AClaimAloneIsMarkedAsThat) {
  EXPECT_EQ(ActorText(std::nullopt, "ann"), "ann (unverified)");
  EXPECT_EQ(ActorText(std::nullopt, ""), "unknown (unverified)");
}

}  // namespace
}  // namespace modeld
