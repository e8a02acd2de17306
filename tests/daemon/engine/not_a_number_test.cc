#include "daemon/engine/not_a_number.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/values.h"

namespace modeld {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Value Halves(DType dtype, const std::vector<uint16_t>& bits) {
  return Value{MakeTensor<uint16_t>(dtype, {static_cast<int64_t>(bits.size())}, bits)};
}

TEST(NotANumberTest, Scalars) {
  EXPECT_TRUE(HoldsNan(Value{static_cast<double>(kNan)}));
  EXPECT_TRUE(HoldsNan(Value{std::complex<double>(0, kNan)}));
  EXPECT_TRUE(HoldsNan(Value{std::complex<double>(kNan, 0)}));
  EXPECT_FALSE(HoldsNan(Value{1.0}));
  EXPECT_FALSE(HoldsNan(Value{static_cast<double>(kInfinity)}));
  EXPECT_FALSE(HoldsNan(Int(1)));
  EXPECT_FALSE(HoldsNan(Str("nan")));
  EXPECT_FALSE(HoldsNan(Value{}));
}

TEST(NotANumberTest, EveryFloatingPointDtype) {
  EXPECT_FALSE(HoldsNan(Value{FloatTensor({4}, {0, -kInfinity, kInfinity, -1})}));
  EXPECT_TRUE(HoldsHuge(Value{FloatTensor({4}, {0, -kInfinity, 0, -1})}));
  EXPECT_TRUE(HoldsHuge(Value{FloatTensor({2}, {0, -0x1p63f})}));
  EXPECT_FALSE(HoldsHuge(Value{FloatTensor({2}, {0, 0x1.fffffep62f})}));
  EXPECT_TRUE(HoldsHuge(Value{MakeTensor<double>(DType::kFp64, {1}, {0x1p63})}));
  EXPECT_FALSE(HoldsHuge(Value{MakeTensor<double>(DType::kFp64, {1}, {-0x1.fp62})}));
  EXPECT_TRUE(HoldsHuge(Value{MakeTensor<uint16_t>(DType::kFp16, {1}, {0xfc00})}));
  EXPECT_FALSE(HoldsHuge(Value{MakeTensor<uint16_t>(DType::kFp16, {1}, {0xfbff})}));
  EXPECT_TRUE(HoldsHuge(Value{MakeTensor<uint16_t>(DType::kBf16, {1}, {0x5f00})}));
  EXPECT_TRUE(HoldsHuge(Value{static_cast<double>(kInfinity)}));
  EXPECT_TRUE(HoldsHuge(Value{std::complex<double>(0, kNan)}));
  EXPECT_FALSE(HoldsHuge(Value{1e18}));
  EXPECT_FALSE(HoldsHuge(Str("inf")));
  EXPECT_TRUE(HoldsNan(Value{FloatTensor({2}, {0, -kNan})}));
  EXPECT_TRUE(HoldsNan(Value{MakeTensor<double>(DType::kFp64, {2}, {0, kNan})}));
  EXPECT_FALSE(HoldsNan(Value{MakeTensor<double>(DType::kFp64, {2}, {0, kInfinity})}));
  EXPECT_TRUE(HoldsNan(Value{MakeTensor<std::complex<float>>(DType::kComplex64, {1}, {{0, kNan}})}));
  EXPECT_TRUE(HoldsNan(Value{MakeTensor<std::complex<double>>(DType::kComplex128, {1}, {{kNan, 0}})}));
  EXPECT_FALSE(HoldsNan(Value{MakeTensor<std::complex<double>>(DType::kComplex128, {1}, {{1, 2}})}));
  EXPECT_TRUE(HoldsNan(Halves(DType::kFp16, {0, 0x7c01})));
  EXPECT_TRUE(HoldsNan(Halves(DType::kFp16, {0, 0xfe00})));
  EXPECT_FALSE(HoldsNan(Halves(DType::kFp16, {0x7c00, 0xfc00, 0x7bff})));
  EXPECT_TRUE(HoldsNan(Halves(DType::kBf16, {0, 0x7f81})));
  EXPECT_FALSE(HoldsNan(Halves(DType::kBf16, {0x7f80, 0xff80})));
  // The smallest NaN there is: a signalling one with one bit.
  EXPECT_TRUE(HoldsNan(Value{MakeTensor<uint32_t>(DType::kFp32, {1}, {0x7f800001})}));
}

TEST(NotANumberTest, OtherDtypesHaveNone) {
  EXPECT_FALSE(HoldsNan(Value{MakeTensor<uint32_t>(DType::kUint32, {1}, {0xffffffff})}));
  EXPECT_FALSE(HoldsNan(Value{MakeTensor<int64_t>(DType::kInt64, {1}, {-1})}));
  EXPECT_FALSE(HoldsNan(Value{BytesTensor({1}, {"nan"})}));
}

TEST(NotANumberTest, EveryPlaceIsLookedAt) {
  for (const size_t size : {1u, 63u, 64u, 65u, 200u}) {
    std::vector<float> elements(size, 1.0f);
    EXPECT_FALSE(HoldsNan(Value{FloatTensor({static_cast<int64_t>(size)}, elements)}));
    for (size_t at = 0; at < size; ++at) {
      elements[at] = kNan;
      ASSERT_TRUE(HoldsNan(Value{FloatTensor({static_cast<int64_t>(size)}, elements)}))
          << at << " of " << size;
      elements[at] = 1.0f;
    }
  }
  EXPECT_FALSE(HoldsNan(Value{FloatTensor({0}, {})}));
}

TEST(NotANumberTest, BytesNeedNotBeAligned) {
  std::string bytes(1 + 3 * sizeof(float), '\0');
  std::memcpy(bytes.data() + 1 + 2 * sizeof(float), &kNan, sizeof(float));
  Tensor tensor{DType::kFp32, {3}, Buffer::FromString(std::move(bytes)), {}};
  tensor.buffer.data = static_cast<char*>(tensor.buffer.data) + 1;
  tensor.buffer.size -= 1;
  EXPECT_TRUE(HoldsNan(Value{tensor}));
}

TEST(NotANumberTest, InsideContainers) {
  const Value nan{FloatTensor({1}, {kNan})};
  EXPECT_TRUE(HoldsNan(ListOf({Int(1), nan})));
  EXPECT_TRUE(HoldsNan(TupleOf({ListOf({nan})})));
  EXPECT_TRUE(HoldsNan(DictOf({{Str("a"), Int(1)}, {Str("b"), nan}})));
  EXPECT_FALSE(HoldsNan(DictOf({{Str("a"), ListOf({Int(1)})}})));
}

}  // namespace
}  // namespace modeld
