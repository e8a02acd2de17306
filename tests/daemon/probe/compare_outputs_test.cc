#include "daemon/probe/compare_outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "daemon/codec/half.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

v1::GoldenResult CompareOne(Value expected, Value actual, const Tolerance& tolerance = {}) {
  return CompareOutputs({{"y", std::move(expected)}}, {{"y", std::move(actual)}}, tolerance);
}

Value Floats(const std::vector<float>& elements) {
  return Value{FloatTensor({static_cast<int64_t>(elements.size())}, elements)};
}

TEST(CompareOutputsTest, EqualValuesOfEveryKindAgree) {
  const Value values[] = {
      Value{None{}},
      Value{true},
      Int(7),
      Value{2.5},
      Value{std::complex<double>(1, -2)},
      Str("text"),
      Value{FloatTensor({2, 2}, {1, 2, 3, 4})},
      Value{IntTensor({2}, {1, -2})},
      Value{BytesTensor({2}, {"a", "b"})},
      Value{MakeTensor<uint8_t>(DType::kBool, {2}, {0, 1})},
      Value{MakeTensor<int8_t>(DType::kInt8, {1}, {-3})},
      Value{MakeTensor<int16_t>(DType::kInt16, {1}, {-3})},
      Value{MakeTensor<int32_t>(DType::kInt32, {1}, {-3})},
      Value{MakeTensor<uint8_t>(DType::kUint8, {1}, {200})},
      Value{MakeTensor<uint16_t>(DType::kUint16, {1}, {60000})},
      Value{MakeTensor<uint32_t>(DType::kUint32, {1}, {4000000000u})},
      Value{MakeTensor<uint64_t>(DType::kUint64, {1}, {~uint64_t{0}})},
      Value{MakeTensor<uint16_t>(DType::kFp16, {1}, {FloatToHalf(0.1f)})},
      Value{MakeTensor<uint16_t>(DType::kBf16, {1}, {FloatToBfloat16(0.1f)})},
      Value{MakeTensor<double>(DType::kFp64, {1}, {0.1})},
      Value{MakeTensor<float>(DType::kComplex64, {1}, {0.1f, 2})},
      Value{MakeTensor<double>(DType::kComplex128, {1}, {0.1, 2})},
      Value{FloatTensor({0, 3}, {})},
      ListOf({Int(1), Int(2)}),
      TupleOf({Int(1), Str("a")}, {"left", "right"}),
      DictOf({{Str("a"), Int(1)}, {Int(2), Value{FloatTensor({}, {1})}}}),
  };
  for (const Value& value : values) {
    const v1::GoldenResult result = CompareOne(value, value);
    EXPECT_TRUE(result.passed()) << Dump(value) << result.detail();
    EXPECT_EQ(result.detail(), "");
    EXPECT_EQ(result.beyond(), 0);
    EXPECT_EQ(result.max_absolute(), 0);
  }
  for (const Value& expected : values) {
    for (const Value& actual : values) {
      EXPECT_EQ(CompareOne(expected, actual).passed(), Dump(expected) == Dump(actual))
          << Dump(expected) << " and " << Dump(actual);
    }
  }
}

TEST(CompareOutputsTest, TheRuleIsThatOfNumpyIsclose) {
  const Tolerance tolerance{.rtol = 0.1, .atol = 0.5};
  EXPECT_TRUE(CompareOne(Value{10.0}, Value{11.5}, tolerance).passed());
  EXPECT_FALSE(CompareOne(Value{10.0}, Value{11.6}, tolerance).passed());
  // Not symmetric: 0.5 + 0.1 * 11.6 is more than 1.6.
  EXPECT_TRUE(CompareOne(Value{11.6}, Value{10.0}, tolerance).passed());
  EXPECT_TRUE(CompareOne(Value{0.0}, Value{-0.5}, tolerance).passed());
  EXPECT_FALSE(CompareOne(Value{1.0}, Value{1.0000001}, {.rtol = 0, .atol = 0}).passed());
}

TEST(CompareOutputsTest, TheDefaultsAreTheConfigs) {
  v1::ModelConfig config;
  EXPECT_EQ(ToleranceOf(config).rtol, 1e-4);
  EXPECT_EQ(ToleranceOf(config).atol, 1e-5);
  config.mutable_execution()->mutable_tolerance()->set_rtol(0);
  config.mutable_execution()->mutable_tolerance()->set_atol(0.25);
  EXPECT_EQ(ToleranceOf(config).rtol, 0);
  EXPECT_EQ(ToleranceOf(config).atol, 0.25);
}

TEST(CompareOutputsTest, WhatIsNoFiniteNumberAgreesWithItselfOnly) {
  const float values[] = {0, 1e30f, kNaN, kInfinity, -kInfinity};
  for (const float a : values) {
    for (const float b : values) {
      const bool same = a == b || (std::isnan(a) && std::isnan(b));
      EXPECT_EQ(CompareOne(Floats({a}), Floats({b}), {.rtol = 0.5, .atol = 1}).passed(), same)
          << a << " " << b;
    }
  }
  const v1::GoldenResult result = CompareOne(Floats({1, kNaN}), Floats({kNaN, kNaN}));
  EXPECT_EQ(result.detail(), "y[0] is nan, expected 1; 1 of 2 values differs");
}

TEST(CompareOutputsTest, TheWorstElementIsNamedWithItsPlace) {
  const v1::GoldenResult result = CompareOutputs(
      {{"boxes", Value{FloatTensor({2}, {1, 1})}}, {"logits", Value{FloatTensor({2, 2}, {1, 2, 4, 0})}}},
      {{"boxes", Value{FloatTensor({2}, {1, 1.25})}},
       {"logits", Value{FloatTensor({2, 2}, {1, 2.25, 5, 0})}}},
      {.rtol = 0, .atol = 0.125});
  EXPECT_FALSE(result.passed());
  EXPECT_EQ(result.output(), "logits");
  EXPECT_EQ(result.position(), "[1, 0]");
  EXPECT_EQ(result.expected(), 4);
  EXPECT_EQ(result.actual(), 5);
  EXPECT_EQ(result.max_absolute(), 1);
  EXPECT_EQ(result.max_relative(), 0.25);
  EXPECT_EQ(result.beyond(), 3);
  EXPECT_EQ(result.compared(), 6);
  EXPECT_EQ(result.detail(), "logits[1, 0] is 5, expected 4 (off by 1, allowed 0.125); 3 of 6 values differ");
}

TEST(CompareOutputsTest, WhatIsWithinToleranceIsReportedToo) {
  const v1::GoldenResult result = CompareOne(Floats({1, 2}), Floats({1, 2.0000002f}));
  EXPECT_TRUE(result.passed());
  EXPECT_EQ(result.position(), "[1]");
  EXPECT_GT(result.max_absolute(), 0);
  EXPECT_LT(result.max_absolute(), 1e-5);
  EXPECT_EQ(result.beyond(), 0);
  EXPECT_EQ(result.detail(), "");
}

TEST(CompareOutputsTest, IntegersAreComparedBeyondWhatADoubleHolds) {
  const int64_t large = (int64_t{1} << 53) + 1;
  EXPECT_FALSE(CompareOne(Int(large), Int(large - 1)).passed());
  const v1::GoldenResult result = CompareOne(Value{MakeTensor<uint64_t>(DType::kUint64, {1}, {~uint64_t{0}})},
                                             Value{MakeTensor<uint64_t>(DType::kUint64, {1}, {1})});
  EXPECT_THAT(result.detail(), StartsWith("y[0] is 1, expected 18446744073709551615"));
  EXPECT_EQ(CompareOne(Value{true}, Value{false}).detail(),
            "y is False, expected True; 1 of 1 values differs");
  EXPECT_EQ(CompareOne(Value{MakeTensor<uint8_t>(DType::kBool, {2}, {0, 1})},
                       Value{MakeTensor<uint8_t>(DType::kBool, {2}, {1, 1})})
                .beyond(),
            1);
}

TEST(CompareOutputsTest, ComplexNumbersByTheirDistance) {
  using C = std::complex<double>;
  const Tolerance tolerance{.rtol = 0, .atol = 1};
  EXPECT_TRUE(CompareOne(Value{C(0, 0)}, Value{C(0.7, 0.7)}, tolerance).passed());
  EXPECT_FALSE(CompareOne(Value{C(0, 0)}, Value{C(0.8, 0.8)}, tolerance).passed());
  EXPECT_TRUE(CompareOne(Value{C(kNaN, 1)}, Value{C(kNaN, 1)}, tolerance).passed());
  EXPECT_FALSE(CompareOne(Value{C(kNaN, 1)}, Value{C(kNaN, 3)}, tolerance).passed());
  EXPECT_THAT(CompareOne(Value{C(1, -2)}, Value{C(5, 3)}).detail(), StartsWith("y is 5+3j, expected 1-2j"));
}

TEST(CompareOutputsTest, StringsExactly) {
  EXPECT_EQ(CompareOne(Str("cat"), Str("dog")).detail(),
            "y is \"dog\", expected \"cat\"; 1 of 1 values differs");
  EXPECT_EQ(CompareOne(Value{BytesTensor({2}, {"a", "b"})}, Value{BytesTensor({2}, {"a", "c"})}).detail(),
            "y[1] is \"c\", expected \"b\"; 1 of 2 values differs");
  // As the wire carries a string that is not UTF-8.
  EXPECT_TRUE(CompareOne(Value{BytesTensor({}, {"\xff"})}, Str("\xff")).passed());
}

TEST(CompareOutputsTest, OtherKindsShapesAndDtypesAreNamed) {
  const struct {
    Value expected, actual;
    const char* detail;
  } cases[] = {
      {Int(1), Value{1.0}, "y is float, expected int"},
      {Floats({1, 2}), Floats({1}), "y is FP32[1], expected FP32[2]"},
      {Floats({1}), Value{IntTensor({1}, {1})}, "y is INT64[1], expected FP32[1]"},
      {Value{FloatTensor({1, 1}, {1})}, Floats({1}), "y is FP32[1], expected FP32[1,1]"},
      {ListOf({Int(1)}), ListOf({Int(1), Int(2)}), "y has 2 items, expected 1"},
      {TupleOf({Int(1)}), ListOf({Int(1)}), "y is list of 1, expected tuple of 1"},
      {DictOf({{Str("a"), Int(1)}}), DictOf({{Str("b"), Int(1)}}), "y has no key \"a\""},
      {DictOf({{Int(1), Int(1)}}), DictOf({{Int(1), Int(1)}, {Int(2), Int(1)}}),
       "y has the unexpected key 2"},
      {ListOf({DictOf({{Str("a"), Floats({1})}})}), ListOf({DictOf({{Str("a"), Value{None{}}}})}),
       "y[0][\"a\"] is None, expected FP32[1]"},
  };
  for (const auto& c : cases) {
    const v1::GoldenResult result = CompareOne(c.expected, c.actual);
    EXPECT_FALSE(result.passed()) << c.detail;
    EXPECT_EQ(result.detail(), c.detail);
    EXPECT_EQ(result.position(), "");
  }
}

TEST(CompareOutputsTest, DictionariesWithoutRegardToOrder) {
  EXPECT_TRUE(CompareOne(DictOf({{Str("a"), Int(1)}, {Str("b"), Int(2)}}),
                         DictOf({{Str("b"), Int(2)}, {Str("a"), Int(1)}}))
                  .passed());
}

TEST(CompareOutputsTest, EveryExpectedOutputMustBeThereAndOthersMayBe) {
  const NamedValues expected = {{"logits", Int(1)}};
  EXPECT_TRUE(CompareOutputs(expected, {{"logits", Int(1)}, {"extra", Int(2)}}, {}).passed());
  const v1::GoldenResult result = CompareOutputs(expected, {{"output", Int(1)}, {"x", Int(1)}}, {});
  EXPECT_EQ(result.detail(), "there is no output \"logits\"; outputs: \"output\", \"x\"");
  EXPECT_EQ(result.output(), "logits");
}

TEST(CompareOutputsTest, ADifferenceDeepInsideIsNamedByItsPath) {
  const auto nested = [](float value) {
    return ListOf({DictOf({{Str("boxes"), Value{FloatTensor({1, 2}, {0, value})}}})});
  };
  const v1::GoldenResult result = CompareOne(nested(1), nested(2));
  EXPECT_EQ(result.output(), "y[0][\"boxes\"]");
  EXPECT_EQ(result.position(), "[0, 1]");
  EXPECT_THAT(result.detail(), HasSubstr("y[0][\"boxes\"][0, 1] is 2, expected 1"));
}

TEST(CompareOutputsTest, WhatIsMissingGoesBeforeWhatDiffers) {
  const v1::GoldenResult result = CompareOutputs({{"a", Int(1)}, {"b", Int(1)}}, {{"a", Int(2)}}, {});
  EXPECT_THAT(result.detail(), StartsWith("there is no output \"b\""));
  EXPECT_EQ(result.beyond(), 1);
}

}  // namespace
}  // namespace modeld
