#include "registry/base/pacer.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

constexpr absl::Duration kStep = absl::Milliseconds(5);

TEST(PacerTest, WhereNobodyIsServedThereIsNoRest) {
  Pacer pacer([] { return 7u; });
  for (int second = 0; second < 3; ++second) {
    EXPECT_EQ(pacer.RestAfter(kStep, absl::Seconds(second)), absl::ZeroDuration());
  }
  EXPECT_EQ(Pacer(nullptr).RestAfter(kStep, absl::ZeroDuration()), absl::ZeroDuration());
}

TEST(PacerTest, RestsLongerThanItWorksWhileRequestsComeAndASecondBeyond) {
  uint64_t served = 0;
  Pacer pacer([&] { return served; });
  EXPECT_EQ(pacer.RestAfter(kStep, absl::Seconds(10)), absl::ZeroDuration()) << "nothing to compare with";
  ++served;
  EXPECT_EQ(pacer.RestAfter(kStep, absl::Seconds(11)), 2 * kStep);
  EXPECT_EQ(pacer.RestAfter(kStep / 5, absl::Seconds(11.9)), 2 * kStep / 5)
      << "a slow model's requests are rare";
  EXPECT_EQ(pacer.RestAfter(kStep, absl::Seconds(12)), absl::ZeroDuration());
  ++served;
  EXPECT_EQ(pacer.RestAfter(kStep, absl::Seconds(13)), 2 * kStep);
}

}  // namespace
}  // namespace modeld
