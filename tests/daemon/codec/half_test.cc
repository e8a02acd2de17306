#include "daemon/codec/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace modeld {
namespace {

// By the format's definition, and slow.
float SlowHalfToFloat(uint16_t half) {
  const int exponent = (half >> 10) & 0x1f;
  const int mantissa = half & 0x3ff;
  const float sign = (half & 0x8000) ? -1.0f : 1.0f;
  if (exponent == 0x1f) {
    return mantissa == 0 ? sign * std::numeric_limits<float>::infinity() : std::nanf("");
  }
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

TEST(HalfTest, EveryHalfComesBackFromItsFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = SlowHalfToFloat(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(SlowHalfToFloat(FloatToHalf(value)))) << bits;
    } else {
      EXPECT_EQ(FloatToHalf(value), half) << bits;
    }
  }
}

TEST(HalfTest, BetweenTwoHalvesTheNearerWinsAndTiesGoToTheEvenOne) {
  // All positive finite halves and, as if the format went on, the one after the largest.
  for (uint16_t low = 0; low < 0x7bff; ++low) {
    const uint16_t high = low + 1;
    // Exact: halves have 11 bits, floats 24.
    const float middle = (SlowHalfToFloat(low) + SlowHalfToFloat(high)) / 2;
    const uint16_t even = (low & 1) ? high : low;
    ASSERT_EQ(FloatToHalf(middle), even) << low;
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 0.0f)), low) << low;
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 1e9f)), high) << low;
    ASSERT_EQ(FloatToHalf(-middle), even | 0x8000) << low;
  }
}

TEST(HalfTest, KnownValues) {
  EXPECT_EQ(FloatToHalf(0.0f), 0x0000);
  EXPECT_EQ(FloatToHalf(-0.0f), 0x8000);
  EXPECT_EQ(FloatToHalf(1.0f), 0x3c00);
  EXPECT_EQ(FloatToHalf(-2.0f), 0xc000);
  EXPECT_EQ(FloatToHalf(65504.0f), 0x7bff);
  EXPECT_EQ(FloatToHalf(65519.99f), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);
  EXPECT_EQ(FloatToHalf(1e30f), 0x7c00);
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::infinity()), 0x7c00);
  EXPECT_EQ(FloatToHalf(-std::numeric_limits<float>::infinity()), 0xfc00);
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::denorm_min()), 0x0000);
  EXPECT_EQ(FloatToHalf(0x1p-24f), 0x0001);
  EXPECT_EQ(FloatToHalf(0x1p-25f), 0x0000);  // a tie, to the even one
  EXPECT_EQ(FloatToHalf(0x1.8p-25f), 0x0001);
}

TEST(HalfTest, NanWithOnlyLowPayloadBitsStaysNan) {
  const float nan = std::bit_cast<float>(uint32_t{0x7f800001});
  EXPECT_TRUE(std::isnan(SlowHalfToFloat(FloatToHalf(nan))));
  EXPECT_TRUE(std::isnan(Bfloat16ToFloat(FloatToBfloat16(nan))));
}

TEST(Bfloat16Test, EveryBfloat16ComesBackFromItsFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t expected = static_cast<uint16_t>(bits);
    const float value = Bfloat16ToFloat(expected);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(Bfloat16ToFloat(FloatToBfloat16(value)))) << bits;
    } else {
      EXPECT_EQ(FloatToBfloat16(value), expected) << bits;
    }
  }
}

TEST(Bfloat16Test, BetweenTwoTheNearerWinsAndTiesGoToTheEvenOne) {
  for (uint32_t low = 0; low < 0x7f7f; ++low) {
    const uint32_t middle = (low << 16) | 0x8000;
    const uint16_t even = static_cast<uint16_t>((low & 1) ? low + 1 : low);
    ASSERT_EQ(FloatToBfloat16(std::bit_cast<float>(middle)), even) << low;
    ASSERT_EQ(FloatToBfloat16(std::bit_cast<float>(middle - 1)), low) << low;
    ASSERT_EQ(FloatToBfloat16(std::bit_cast<float>(middle + 1)), low + 1) << low;
  }
}

TEST(Bfloat16Test, BeyondTheLargestIsInfinite) {
  EXPECT_EQ(FloatToBfloat16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(FloatToBfloat16(-std::numeric_limits<float>::max()), 0xff80);
}

TEST(HalfTest, AsFloatsTheyAreWhatTheFormatDefines) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float expected = SlowHalfToFloat(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(half))) << bits;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(HalfToFloat(half)), std::bit_cast<uint32_t>(expected)) << bits;
    }
  }
}

}  // namespace
}  // namespace modeld
