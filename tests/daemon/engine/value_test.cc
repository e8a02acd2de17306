#include "daemon/engine/value.h"

#include <gtest/gtest.h>

#include "tests/support/values.h"

namespace modeld {
namespace {

TEST(ValueSummaryTest, SaysWhatAValueIs) {
  const std::vector<std::pair<Value, std::string>> cases = {
      {Value{None{}}, "None"},
      {Value{true}, "bool"},
      {Int(3), "int"},
      {Value{2.5}, "float"},
      {Value{std::complex<double>(1, 2)}, "complex"},
      {Str("hello"), "str"},
      {Value{FloatTensor({2, 3}, std::vector<float>(6))}, "FP32[2,3]"},
      {Value{BytesTensor({}, {"x"})}, "BYTES[]"},
      {ListOf({Int(1), Int(2), Int(3)}), "list of 3"},
      {TupleOf({}), "tuple of 0"},
      {DictOf({{Str("a"), Int(1)}}), "dict of 1"},
  };
  for (const auto& [value, summary] : cases) EXPECT_EQ(ValueSummary(value), summary);
}

TEST(ValueTest, CopiesOfTensorsShareTheirBytes) {
  const Value value{FloatTensor({1}, {1.0f})};
  const Value copy = value;
  EXPECT_EQ(copy.get_if<Tensor>()->buffer.data, value.get_if<Tensor>()->buffer.data);
}

TEST(ValueTest, DefaultIsNone) { EXPECT_NE(Value().get_if<None>(), nullptr); }

}  // namespace
}  // namespace modeld
