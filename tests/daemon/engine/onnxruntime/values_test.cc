// Values in and out of ONNX Runtime: every dtype, and what is no tensor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/onnx_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

Value Floats(std::vector<float> elements) {
  const auto size = static_cast<int64_t>(elements.size());
  return Value{FloatTensor({size}, elements)};
}

class OnnxDTypeTest : public testing::TestWithParam<DType> {
 protected:
  static std::string Model() { return "identity_" + std::string(DTypeName(GetParam())); }
};

TEST_P(OnnxDTypeTest, ComesBackBitForBit) {
  OnnxModel identity(Model());
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0}, {3}, {2, 3}, {0, 4}, {2, 1, 3, 1}}) {
    const Tensor tensor = Patterned(GetParam(), shape);
    EXPECT_EQ(identity.OnlyAnswer({{"x", Value{tensor}}}), Dump(Value{tensor}));
  }
}

TEST_P(OnnxDTypeTest, BytesThatAreNotAlignedAreCopied) {
  const Tensor tensor = Patterned(GetParam(), {3});
  auto bytes = std::make_shared<std::vector<char>>(tensor.buffer.size + 1);
  std::memcpy(bytes->data() + 1, tensor.buffer.data, tensor.buffer.size);
  const Tensor unaligned{GetParam(), {3}, Buffer{bytes->data() + 1, tensor.buffer.size, bytes}, {}};
  EXPECT_EQ(OnnxModel(Model()).OnlyAnswer({{"x", Value{unaligned}}}), Dump(Value{tensor}));
}

TEST_P(OnnxDTypeTest, AnEmptyTensorMayHaveNoBytesAtAll) {
  const Tensor tensor{GetParam(), {2, 0}, {}, {}};
  EXPECT_EQ(OnnxModel(Model()).OnlyAnswer({{"x", Value{tensor}}}), Dump(Value{tensor}));
}

INSTANTIATE_TEST_SUITE_P(All, OnnxDTypeTest,
                         testing::Values(DType::kBool, DType::kInt8, DType::kInt16, DType::kInt32,
                                         DType::kInt64, DType::kUint8, DType::kUint16, DType::kUint32,
                                         DType::kUint64, DType::kFp16, DType::kBf16, DType::kFp32,
                                         DType::kFp64),
                         [](const auto& info) { return std::string(DTypeName(info.param)); });

TEST(OnnxStringsTest, ComeBackByteForByte) {
  OnnxModel identity("identity_BYTES");
  const std::string zero_inside("a\0b", 3);
  for (const Tensor& tensor :
       {BytesTensor({}, {"one"}), BytesTensor({0}, {}), BytesTensor({3}, {"", zero_inside, "\xff\xfe"}),
        BytesTensor({2, 2}, {"a", "b", std::string(1000, 'c'), "d"})}) {
    EXPECT_EQ(identity.OnlyAnswer({{"x", Value{tensor}}}), Dump(Value{tensor}));
  }
}

TEST(OnnxStringsTest, MayComeAsAStringOrAList) {
  OnnxModel identity("identity_BYTES");
  EXPECT_EQ(identity.OnlyAnswer({{"x", Str("one")}}), Dump(Value{BytesTensor({}, {"one"})}));
  EXPECT_EQ(identity.OnlyAnswer({{"x", ListOf({Str("a"), Str("b")})}}),
            Dump(Value{BytesTensor({2}, {"a", "b"})}));
  EXPECT_THAT(
      identity.Call({{"x", ListOf({Str("a"), Int(1)})}}),
      StatusIs(absl::StatusCode::kInvalidArgument, "input \"x\": expected Tensor[str], got list of 2"));
  EXPECT_THAT(identity.Call({{"x", Floats({1})}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "input \"x\": expected Tensor[str], got FP32[1]"));
}

TEST(OnnxStringsTest, AreComputedWith) {
  EXPECT_EQ(OnnxModel("upper").OnlyAnswer({{"words", ListOf({Str("a"), Str("b")})}}),
            Dump(Value{BytesTensor({2}, {"A", "B"})}));
  EXPECT_EQ(OnnxModel("string_columns")
                .OnlyAnswer({{"left", Value{BytesTensor({2, 1}, {"a", "b"})}},
                             {"right", Value{BytesTensor({2, 1}, {"a", "c"})}}}),
            Dump(Value{MakeTensor<uint8_t>(DType::kBool, {2, 1}, {1, 0})}));
}

TEST(OnnxBytesTest, OfAnswersOutlastTheModelAndAreTheCallersOwn) {
  Value output;
  {
    OnnxModel identity("identity_FP32");
    ASSERT_OK_AND_ASSIGN(output, identity.Call({{"x", Floats({1, 2, 3})}}));
  }
  EXPECT_EQ(Dump(output), Dump(TupleOf({Floats({1, 2, 3})}, {"y"})));
}

TEST(OnnxBytesTest, WritingAnAnswerDoesNotChangeAParameter) {
  OnnxModel no_inputs("no_inputs");
  for (int call = 0; call < 2; ++call) {
    ASSERT_OK_AND_ASSIGN(const Value output, no_inputs.Call({}));
    EXPECT_EQ(Dump(output), Dump(TupleOf({Floats({1, 2, 3})}, {"parameter"})));
    const Buffer& buffer = output.get_if<Tuple>()->items[0].get_if<Tensor>()->buffer;
    std::memset(buffer.data, 0x7f, buffer.size);
  }
}

TEST(OnnxBytesTest, AnInputStaysAsItWas) {
  OnnxModel identity("identity_FP32");
  const Tensor input = FloatTensor({2}, {1, 2});
  ASSERT_OK_AND_ASSIGN(const Value output, identity.executable().Run(0, {Value{input}}));
  const Buffer& buffer = output.get_if<Tuple>()->items[0].get_if<Tensor>()->buffer;
  EXPECT_NE(buffer.data, input.buffer.data);
  std::memset(buffer.data, 0x7f, buffer.size);
  EXPECT_EQ(Dump(Value{input}), Dump(Floats({1, 2})));
}

struct OnnxValueCase {
  const char* model;
  NamedValues inputs;
  Value expected;
};

TEST(OnnxValueTest, EveryKindOfOutputComesOut) {
  const Value x{FloatTensor({2, 2}, {0.25, 0.75, 0.5, 0.125})};
  const auto row = [](float a, float b) { return Value{FloatTensor({1, 2}, {a, b})}; };
  const auto zipped = [](const Value& first, const Value& second) {
    return TupleOf(
        {Value{IntTensor({2}, {1, 0})}, ListOf({DictOf({{first, Value{0.25}}, {second, Value{0.75}}}),
                                                DictOf({{first, Value{0.5}}, {second, Value{0.125}}})})},
        {"label", "probabilities"});
  };
  const std::vector<OnnxValueCase> cases = {
      {"add", {{"a", Floats({1, 2})}, {"b", Floats({10, 20})}}, TupleOf({Floats({11, 22})}, {"sum"})},
      {"several_outputs",
       {{"x", Floats({1, 2})}},
       TupleOf({Floats({2, 4}), Value{FloatTensor({}, {3})}, Value{IntTensor({}, {2})}},
               {"twice", "total", "count"})},
      {"several_outputs",
       {{"x", Floats({})}},
       TupleOf({Floats({}), Value{FloatTensor({}, {0})}, Value{IntTensor({}, {0})}},
               {"twice", "total", "count"})},
      {"overridable", {{"x", Floats({1, 2})}}, TupleOf({Floats({3, 6})}, {"y"})},
      {"sequence", {{"x", x}}, TupleOf({ListOf({row(0.25, 0.75), row(0.5, 0.125)})}, {"rows"})},
      {"zip_map_int", {{"x", x}}, zipped(Int(7), Int(9))},
      {"zip_map_string", {{"x", x}}, zipped(Str("cat"), Str("dog"))},
      {"optional_output", {{"x", Floats({1, 2})}}, TupleOf({Floats({1, 2})}, {"maybe"})},
      {"optional_output", {{"x", Floats({-1})}}, TupleOf({Value{None{}}}, {"maybe"})},
      {"branches", {{"x", Floats({1, 2})}}, TupleOf({Floats({2, 4})}, {"y"})},
      {"branches", {{"x", Floats({-1, -2})}}, TupleOf({Floats({1, 2})}, {"y"})},
      {"loop",
       {{"times", Value{IntTensor({}, {3})}}, {"x", Floats({1, 2})}},
       TupleOf({Floats({8, 16})}, {"y"})},
      {"loop", {{"times", Value{IntTensor({}, {0})}}, {"x", Floats({1})}}, TupleOf({Floats({1})}, {"y"})},
  };
  for (const OnnxValueCase& test : cases) {
    EXPECT_EQ(OnnxModel(test.model).Answer(test.inputs), Dump(test.expected)) << test.model;
  }
}

TEST(OnnxValueTest, OutputsAreNamedAsTheGraphNamesThem) {
  OnnxModel add("add");
  ASSERT_OK_AND_ASSIGN(Value sum, add.Call({{"a", Floats({1})}, {"b", Floats({2})}}));
  EXPECT_THAT(NameOutputs(sum, {}), testing::ElementsAre(testing::Key("sum")));
  EXPECT_THAT(NameOutputs(sum, {{.name = "other", .dtype = {}, .shape = {}}}),
              testing::ElementsAre(testing::Key("other")));
}

}  // namespace
}  // namespace modeld
