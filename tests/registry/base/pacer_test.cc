#include "registry/base/pacer.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

TEST(PacerTest, WhereNobodyIsServedThereIsNoRest) {
  Pacer pacer({.served = [] { return 7u; }, .is_full = nullptr});
  for (int second = 0; second < 3; ++second) EXPECT_FALSE(pacer.IsServing(absl::Seconds(second)));
  EXPECT_FALSE(Pacer({}).IsServing(absl::ZeroDuration()));
}

TEST(PacerTest, RestsWhileRequestsComeAndASecondBeyond) {
  uint64_t served = 0;
  Pacer pacer({.served = [&] { return served; }, .is_full = nullptr});
  EXPECT_FALSE(pacer.IsServing(absl::Seconds(10))) << "nothing to compare with";
  ++served;
  EXPECT_TRUE(pacer.IsServing(absl::Seconds(11)));
  EXPECT_TRUE(pacer.IsServing(absl::Seconds(11.9))) << "a slow model's requests are rare";
  EXPECT_FALSE(pacer.IsServing(absl::Seconds(12)));
  ++served;
  EXPECT_TRUE(pacer.IsServing(absl::Seconds(13)));
}

TEST(PacerTest, RestsLongerThanItWorked) {
  const Pacer pacer({});
  EXPECT_FALSE(pacer.HasRested(absl::Milliseconds(3), absl::Milliseconds(1)));
  EXPECT_TRUE(pacer.HasRested(absl::Milliseconds(5), absl::Milliseconds(1)));
  EXPECT_TRUE(pacer.HasRested(absl::ZeroDuration(), absl::ZeroDuration())) << "got no time, and missed none";
}

TEST(PacerTest, RestsUntilACpuIsFreeButNotForEver) {
  bool is_full = true;
  const Pacer pacer({.served = nullptr, .is_full = [&] { return is_full; }});
  EXPECT_FALSE(pacer.HasRested(absl::Milliseconds(6), absl::Milliseconds(1)));
  EXPECT_FALSE(pacer.HasRested(absl::ZeroDuration(), absl::ZeroDuration()));
  is_full = false;
  EXPECT_TRUE(pacer.HasRested(absl::Milliseconds(6), absl::Milliseconds(1)));
  is_full = true;
  EXPECT_TRUE(pacer.HasRested(absl::Milliseconds(20), absl::Milliseconds(1)))
      << "a version is to come some day";
}

}  // namespace
}  // namespace modeld
