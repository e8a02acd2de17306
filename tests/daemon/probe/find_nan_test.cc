#include "daemon/probe/find_nan.h"

#include <gtest/gtest.h>

#include <limits>

#include "daemon/codec/half.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::string Find(Value value) { return FindNan({{"y", std::move(value)}}).value_or("none"); }

TEST(FindNanTest, InEveryKindThatCanHoldOne) {
  EXPECT_EQ(Find(Value{FloatTensor({2, 2}, {0, 1, 2, kNaN})}), "y[1, 1]");
  EXPECT_EQ(Find(Value{MakeTensor<double>(DType::kFp64, {1}, {kNaN})}), "y[0]");
  EXPECT_EQ(Find(Value{MakeTensor<uint16_t>(DType::kFp16, {2}, {0, FloatToHalf(kNaN)})}), "y[1]");
  EXPECT_EQ(Find(Value{MakeTensor<uint16_t>(DType::kBf16, {1}, {FloatToBfloat16(kNaN)})}), "y[0]");
  EXPECT_EQ(Find(Value{MakeTensor<float>(DType::kComplex64, {1}, {0, kNaN})}), "y[0]");
  EXPECT_EQ(Find(Value{MakeTensor<double>(DType::kComplex128, {1}, {kNaN, 0})}), "y[0]");
  EXPECT_EQ(Find(Value{double{kNaN}}), "y");
  EXPECT_EQ(Find(Value{std::complex<double>(0, kNaN)}), "y");
  EXPECT_EQ(Find(ListOf({Value{1.0}, TupleOf({DictOf({{Str("a"), Value{FloatTensor({}, {kNaN})}}})})})),
            "y[1][0][\"a\"]");
}

TEST(FindNanTest, NotWhereThereIsNone) {
  EXPECT_EQ(Find(Value{FloatTensor({2}, {std::numeric_limits<float>::infinity(), 0})}), "none");
  // All bits set: no number to a float, but these are integers.
  EXPECT_EQ(Find(Value{MakeTensor<int32_t>(DType::kInt32, {1}, {-1})}), "none");
  EXPECT_EQ(Find(Str("nan")), "none");
  EXPECT_EQ(Find(Value{FloatTensor({0}, {})}), "none");
}

}  // namespace
}  // namespace modeld
