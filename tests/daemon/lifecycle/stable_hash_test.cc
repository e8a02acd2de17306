#include "daemon/lifecycle/stable_hash.h"

#include <gmock/gmock.h>

#include <cmath>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

// A change of these would send users to other versions after an upgrade.
TEST(StableHashTest, HasTheValuesThatItAlwaysHad) {
  // FNV-1a's published values for "" and "foobar", through fmix64.
  EXPECT_EQ(StableHash().Finish(), StableHash::Mix(0xcbf29ce484222325ULL));
  EXPECT_EQ(StableHash().Add("foobar").Finish(), StableHash::Mix(0x85944171f73967e8ULL));
  EXPECT_EQ(StableHash::Mix(0), 0u);
  // fmix64(1), as MurmurHash3's reference implementation gives it.
  EXPECT_EQ(StableHash::Mix(1), 0xb456bcfc34c2cb2cULL);
}

TEST(StableHashTest, NumbersAreTheirBytesLowestFirst) {
  EXPECT_EQ(StableHash().Add(uint64_t{0x0102}).Finish(),
            StableHash().Add(std::string_view("\x02\x01\0\0\0\0\0\0", 8)).Finish());
}

TEST(StableHashTest, SharesAreHonouredForKeysThatHardlyDiffer) {
  constexpr int kKeys = 100'000;
  for (const double share : {0.001, 0.05, 0.5, 0.9}) {
    int within = 0;
    for (int i = 0; i < kKeys; ++i)
      within += InShare(StableHash().Add(absl::StrCat(i)).Finish(), share) ? 1 : 0;
    // Five standard deviations of the binomial distribution.
    const double deviation = std::sqrt(kKeys * share * (1 - share));
    EXPECT_NEAR(within, kKeys * share, 5 * deviation) << share;
  }
}

TEST(StableHashTest, NobodyIsWithinNothingAndEverybodyWithinAll) {
  for (const uint64_t hash : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
    EXPECT_FALSE(InShare(hash, 0));
    EXPECT_TRUE(InShare(hash, 1));
  }
}

}  // namespace
}  // namespace modeld
