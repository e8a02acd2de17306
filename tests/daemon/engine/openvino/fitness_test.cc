#include "daemon/engine/openvino/fitness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

GraphArgument TensorArgument(DType dtype, std::vector<int64_t> shape) {
  return {.is_tensor = true, .dtype = dtype, .shape = std::move(shape), .fixed = {}};
}
GraphArgument Fixed(Value value) {
  return {.is_tensor = false, .dtype = {}, .shape = {}, .fixed = std::move(value)};
}

std::vector<const Tensor*> Fit(const GraphArgument& expected, const Value& value,
                               const std::vector<IndexLimit>& limits = {}) {
  return TensorsThatFit({expected}, limits, {value});
}

Value Floats(std::vector<float> elements) {
  const auto count = static_cast<int64_t>(elements.size());
  return Value{FloatTensor({1, count}, elements)};
}

TEST(FitnessTest, DTypeRankAndDeclaredSizes) {
  const GraphArgument expected = TensorArgument(DType::kFp32, {-1, 3});
  EXPECT_THAT(Fit(expected, Floats({1, 2, 3})), SizeIs(1));
  EXPECT_THAT(Fit(expected, Floats({1, 2})), IsEmpty());
  EXPECT_THAT(Fit(expected, Value{FloatTensor({3}, {1, 2, 3})}), IsEmpty());
  EXPECT_THAT(Fit(expected, Value{IntTensor({1, 3}, {1, 2, 3})}), IsEmpty());
  EXPECT_THAT(Fit(expected, Value{FloatTensor({0, 3}, {})}), IsEmpty()) << "without elements";
  EXPECT_THAT(Fit(expected, Value{None{}}), IsEmpty());
}

TEST(FitnessTest, NumbersThatAreNotFinite) {
  const GraphArgument expected = TensorArgument(DType::kFp32, {-1, -1});
  std::vector<float> elements(1001, 1e38f);
  elements[500] = std::numeric_limits<float>::denorm_min();
  EXPECT_THAT(Fit(expected, Floats(elements)), SizeIs(1));
  for (const float odd : {std::nanf(""), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), -std::nanf("")}) {
    for (const size_t at : {size_t{0}, size_t{7}, size_t{1000}}) {
      std::vector<float> with = elements;
      with[at] = odd;
      EXPECT_THAT(Fit(expected, Floats(with)), IsEmpty()) << odd << " at " << at;
    }
  }
}

TEST(FitnessTest, IntegersThatFloat32DoesNotHave) {
  const GraphArgument expected = TensorArgument(DType::kInt64, {-1});
  EXPECT_THAT(Fit(expected, Value{IntTensor({2}, {16777216, -16777216})}), SizeIs(1));
  EXPECT_THAT(Fit(expected, Value{IntTensor({2}, {0, 16777217})}), IsEmpty());
  EXPECT_THAT(Fit(expected, Value{IntTensor({2}, {-16777217, 0})}), IsEmpty());
}

TEST(FitnessTest, IndicesOutOfRange) {
  const std::vector<IndexLimit> limits = {{.input = 0, .rows = 10}};
  for (const DType dtype : {DType::kInt64, DType::kInt32}) {
    const GraphArgument expected = TensorArgument(dtype, {-1});
    const auto indices = [&](int64_t a, int64_t b) {
      return dtype == DType::kInt64
                 ? Value{IntTensor({2}, {a, b})}
                 : Value{MakeTensor<int32_t>(dtype, {2}, {static_cast<int32_t>(a), static_cast<int32_t>(b)})};
    };
    EXPECT_THAT(Fit(expected, indices(0, 9), limits), SizeIs(1));
    EXPECT_THAT(Fit(expected, indices(0, 10), limits), IsEmpty());
    EXPECT_THAT(Fit(expected, indices(-1, 9), limits), IsEmpty());
  }
}

TEST(FitnessTest, OtherArgumentsHaveTheirDefault) {
  const GraphArgument x = TensorArgument(DType::kFp32, {-1, -1});
  const auto fit = [&](const Value& fixed, const Value& given) {
    return !TensorsThatFit({x, Fixed(fixed)}, {}, {Floats({1}), given}).empty();
  };
  EXPECT_TRUE(fit(Value{true}, Value{true}));
  EXPECT_FALSE(fit(Value{true}, Value{false}));
  EXPECT_TRUE(fit(Value{2.5}, Value{2.5}));
  EXPECT_FALSE(fit(Value{2.5}, Value{2.0}));
  EXPECT_TRUE(fit(Int(2), Int(2)));
  EXPECT_FALSE(fit(Int(2), Value{2.0}));
  EXPECT_TRUE(fit(Value{None{}}, Value{None{}}));
  EXPECT_FALSE(fit(Value{None{}}, Floats({1})));
  EXPECT_TRUE(fit(Str("a"), Str("a")));
  EXPECT_FALSE(fit(Str("a"), Str("b")));
  EXPECT_FALSE(fit(ListOf({}), ListOf({}))) << "not looked into";
}

}  // namespace
}  // namespace modeld
