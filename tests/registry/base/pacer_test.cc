#include "registry/base/pacer.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

TEST(PacerTest, WhereNobodyIsServedThereIsNoRest) {
  Pacer pacer([] { return 7u; });
  for (int second = 0; second < 3; ++second) EXPECT_FALSE(pacer.IsServing(absl::Seconds(second)));
  EXPECT_FALSE(Pacer(nullptr).IsServing(absl::ZeroDuration()));
}

TEST(PacerTest, RestsWhileRequestsComeAndASecondBeyond) {
  uint64_t served = 0;
  Pacer pacer([&] { return served; });
  EXPECT_FALSE(pacer.IsServing(absl::Seconds(10))) << "nothing to compare with";
  ++served;
  EXPECT_TRUE(pacer.IsServing(absl::Seconds(11)));
  EXPECT_TRUE(pacer.IsServing(absl::Seconds(11.9))) << "a slow model's requests are rare";
  EXPECT_FALSE(pacer.IsServing(absl::Seconds(12)));
  ++served;
  EXPECT_TRUE(pacer.IsServing(absl::Seconds(13)));
}

TEST(PacerTest, RestsLongerThanItWorked) {
  EXPECT_GT(Pacer::RestAfter(absl::Milliseconds(3)), absl::Milliseconds(3));
  EXPECT_EQ(Pacer::RestAfter(absl::ZeroDuration()), absl::ZeroDuration());
}

}  // namespace
}  // namespace modeld
