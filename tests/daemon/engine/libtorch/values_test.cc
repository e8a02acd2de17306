// Values in and out of TorchScript: every kind, every dtype, every layout.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::HasSubstr;

Value Floats(std::vector<float> elements) {
  const auto size = static_cast<int64_t>(elements.size());
  return Value{FloatTensor({size}, elements)};
}

class DTypeEchoTest : public testing::TestWithParam<DType> {};

TEST_P(DTypeEchoTest, ComesBackBitForBit) {
  LoadedModel echo("echo");
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0}, {3}, {2, 3}, {0, 4}, {2, 1, 3, 1}}) {
    const Tensor tensor = Patterned(GetParam(), shape);
    EXPECT_EQ(echo.Answer({{"x", Value{tensor}}}), Dump(Value{tensor}));
  }
}

TEST_P(DTypeEchoTest, BytesThatAreNotAlignedAreCopied) {
  LoadedModel echo("echo");
  const Tensor tensor = Patterned(GetParam(), {3});
  auto bytes = std::make_shared<std::vector<char>>(tensor.buffer.size + 1);
  std::memcpy(bytes->data() + 1, tensor.buffer.data, tensor.buffer.size);
  const Tensor unaligned{GetParam(), {3}, Buffer{bytes->data() + 1, tensor.buffer.size, bytes}, {}};
  EXPECT_EQ(echo.Answer({{"x", Value{unaligned}}}), Dump(Value{tensor}));
}

INSTANTIATE_TEST_SUITE_P(All, DTypeEchoTest,
                         testing::Values(DType::kBool, DType::kInt8, DType::kInt16, DType::kInt32,
                                         DType::kInt64, DType::kUint8, DType::kUint16, DType::kUint32,
                                         DType::kUint64, DType::kFp16, DType::kBf16, DType::kFp32,
                                         DType::kFp64, DType::kComplex64, DType::kComplex128),
                         [](const auto& info) { return std::string(DTypeName(info.param)); });

TEST(TensorBytesTest, AreSharedOnTheWayInAndOut) {
  LoadedModel echo("echo");
  Tensor tensor = FloatTensor({4}, {1, 2, 3, 4});
  const void* const bytes = tensor.buffer.data;
  std::vector<Value> arguments;
  arguments.push_back(Value{std::move(tensor)});
  ASSERT_OK_AND_ASSIGN(const Value output, echo.executable().Run(0, std::move(arguments)));
  EXPECT_EQ(output.get_if<Tensor>()->buffer.data, bytes);
}

TEST(TensorBytesTest, OutlastTheModelAndTheInputs) {
  Value output;
  {
    LoadedModel echo("echo");
    ASSERT_OK_AND_ASSIGN(output, echo.Call({{"x", Floats({1, 2, 3})}}));
  }
  EXPECT_EQ(Dump(output), Dump(Floats({1, 2, 3})));
}

TEST(TensorBytesTest, AModelMayWorkInPlaceOnItsInput) {
  LoadedModel in_place("in_place");
  EXPECT_EQ(in_place.Answer({{"x", Floats({1, 2})}}), Dump(Floats({2, 3})));
}

TEST(TensorBytesTest, AModelMayKeepAnInput) {
  LoadedModel keeps_input("keeps_input");
  keeps_input.KeepState();
  EXPECT_EQ(keeps_input.Answer({{"x", Floats({1, 2})}}), Dump(Floats({0})));
  EXPECT_EQ(keeps_input.Answer({{"x", Floats({3, 4})}}), Dump(Floats({1, 2})));
  EXPECT_EQ(keeps_input.Answer({{"x", Floats({5, 6})}}), Dump(Floats({3, 4})));
}

// An answer still being sent must not change under the next call.
TEST(TensorBytesTest, WhatTheModelKeepsIsCopied) {
  LoadedModel counter("counter_in_place");
  counter.KeepState();
  ASSERT_OK_AND_ASSIGN(const Value first, counter.Call({}));
  ASSERT_OK_AND_ASSIGN(const Value second, counter.Call({}));
  EXPECT_EQ(Dump(first), Dump(Value{IntTensor({1}, {1})}));
  EXPECT_EQ(Dump(second), Dump(Value{IntTensor({1}, {2})}));
}

TEST(TensorBytesTest, WritingAnAnswerDoesNotChangeAParameter) {
  LoadedModel parameter("parameter");
  const std::string expected = Dump(TupleOf({Floats({0, 1, 2, 3}), Floats({1, 2})}));
  ASSERT_OK_AND_ASSIGN(const Value output, parameter.Call({}));
  EXPECT_EQ(Dump(output), expected);
  for (const Value& item : output.get_if<Tuple>()->items) {
    const Buffer& buffer = item.get_if<Tensor>()->buffer;
    std::memset(buffer.data, 0x7f, buffer.size);
  }
  EXPECT_EQ(parameter.Answer({}), expected);
}

TEST(LayoutTest, EveryDenseLayoutComesBackRowMajor) {
  LoadedModel layouts("layouts");
  const std::vector<std::pair<std::string, Value>> cases = {
      {"transposed", Value{FloatTensor({3, 2}, {0, 3, 1, 4, 2, 5})}},
      {"expanded", Value{FloatTensor({2, 3}, {0, 1, 2, 0, 1, 2})}},
      {"strided", Value{FloatTensor({4}, {0, 333, 666, 999})}},
      {"slice", Value{FloatTensor({3}, {3, 4, 5})}},
      {"conjugate",
       Value{MakeTensor<std::complex<float>>(DType::kComplex64, {3}, {{0, -3}, {1, -4}, {2, -5}})}},
      {"negative", Value{FloatTensor({3}, {-3, -4, -5})}},
      {"empty", Value{FloatTensor({0, 3}, {})}},
      {"scalar", Value{FloatTensor({}, {7})}},
  };
  for (const auto& [kind, expected] : cases) {
    EXPECT_EQ(layouts.Answer({{"kind", Str(kind)}}), Dump(expected)) << kind;
  }
}

TEST(UnsupportedOutputTest, IsNamedWithItsPlaceAndTheRemedy) {
  LoadedModel unsupported("unsupported");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"sparse", "output: a tensor of layout sparse cannot be returned; call .to_dense() on it in the model"},
      {"sparse_csr",
       "output: a tensor of layout sparsecsr cannot be returned; call .to_dense() on it in the model"},
      {"quantized", "output: a quantized tensor cannot be returned; call .dequantize() on it in the model"},
      {"complex32",
       "output: a tensor of dtype complex32 cannot be returned; call .to(torch.float32) or the like on it in "
       "the model"},
      {"float8",
       "output[\"scores\"][0]: a tensor of dtype float8_e4m3fn cannot be returned; call .to(torch.float32) "
       "or "
       "the like on it in the model"},
      {"meta", "output: a tensor on the device \"meta\" has no elements to return"},
      {"device",
       "output: a value of type Device cannot be returned; return tensors, numbers, strings, lists, tuples, "
       "dictionaries or None"},
  };
  for (const auto& [kind, message] : cases) {
    EXPECT_THAT(unsupported.Call({{"kind", Str(kind)}}), StatusIs(absl::StatusCode::kUnimplemented, message));
  }
  EXPECT_THAT(unsupported.Call({{"kind", Str("enum")}}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("Color cannot be returned")));
  LoadedModel future("future");
  EXPECT_THAT(future.Call({{"x", Floats({1})}}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("output: a value of type Future[Tensor] cannot be returned")));
}

struct ValueCase {
  const char* model;
  NamedValues inputs;
  Value expected;
};

TEST(ValueTest, EveryKindGoesInAndComesOut) {
  const Value one = Floats({1});
  const auto dict = [](std::vector<std::pair<Value, Value>> entries) { return DictOf(std::move(entries)); };
  const Value boxes = Value{FloatTensor({1, 4}, {0, 1, 2, 3})};
  const std::vector<ValueCase> cases = {
      {"add", {{"a", Floats({1, 2})}, {"b", Floats({10, 20})}}, Floats({11, 22})},
      {"scalars",
       {{"b", Value{true}}, {"i", Int(41)}, {"f", Value{0.5}}, {"c", Value{std::complex<double>(1, 2)}}},
       TupleOf({Value{false}, Int(42), Value{1.0}, Value{std::complex<double>(2, 4)}})},
      {"text", {{"s", Str("héllo")}}, Str("HéLLO")},
      {"string_list", {{"words", ListOf({Str("a"), Str("b")})}}, ListOf({Str("b"), Str("a")})},
      {"string_list", {{"words", Value{BytesTensor({2}, {"a", "b"})}}}, ListOf({Str("b"), Str("a")})},
      {"string_list", {{"words", ListOf({})}}, ListOf({})},
      {"nested_list",
       {{"rows", ListOf({ListOf({Str("a"), Str("b")}), ListOf({})})}},
       ListOf({Int(2), Int(0), Int(1)})},
      {"nested_list", {{"rows", ListOf({})}}, ListOf({Int(1)})},
      {"number_lists",
       {{"i", ListOf({})}, {"f", ListOf({})}, {"b", ListOf({})}},
       TupleOf({Int(1), Value{0.5}, Value{true}})},
      {"number_lists",
       {{"i", Value{IntTensor({2}, {4, 5})}}, {"f", Floats({1, 2})}, {"b", ListOf({Value{false}})}},
       TupleOf({Int(10), Value{3.5}, Value{false}})},
      {"tensor_list", {{"xs", ListOf({Floats({1, 2}), Floats({3, 4})})}}, Floats({5, 7})},
      {"tensor_list", {{"xs", ListOf({})}}, Floats({1, 1})},
      {"tensor_dict",
       {{"xs", dict({{Str("b"), one}, {Str("a"), Floats({2})}})}},
       dict({{Str("b_twice"), Floats({2})}, {Str("a_twice"), Floats({4})}})},
      {"tensor_dict", {{"xs", dict({})}}, dict({})},
      {"int_dict",
       {{"xs", dict({{Int(7), Str("seven")}})}},
       dict({{Int(7), Str("seven")}, {Int(0), Str("zero")}})},
      {"int_dict", {{"xs", dict({})}}, dict({{Int(0), Str("zero")}})},
      {"detection",
       {{"images", ListOf({one, Floats({0})})}},
       ListOf({dict({{Str("boxes"), boxes},
                     {Str("labels"), Value{IntTensor({1}, {1})}},
                     {Str("scores"), Floats({0.5})}}),
               dict({{Str("boxes"), Value{FloatTensor({0, 4}, {})}},
                     {Str("labels"), Value{IntTensor({0}, {})}},
                     {Str("scores"), Floats({})}})})},
      {"tuple_output", {{"x", one}}, TupleOf({Floats({2}), Int(1), TupleOf({Str("inner"), Value{None{}}})})},
      {"named_tuple",
       {{"point", ListOf({one, Str("p")})}},
       TupleOf({Floats({2}), Str("p!")}, {"x", "label"})},
      {"optional", {{"x", one}}, Floats({2})},
      {"optional", {{"x", one}, {"bias", Value{None{}}}, {"scale", Int(3)}}, Floats({3})},
      {"optional", {{"x", one}, {"bias", Floats({10})}}, Floats({12})},
      {"defaults", {{"last", Value{false}}}, Str("cpu n (3, 0.5) False")},
      {"defaults",
       {{"last", Value{true}}, {"name", Str("x")}, {"pair", ListOf({Int(1), Int(2)})}},
       Str("cpu x (1, 2.) True")},
      {"union", {{"x", Int(1)}}, Str("int")},
      {"union", {{"x", Str("a")}}, Str("str")},
      {"union", {{"x", ListOf({Str("a")})}}, Str("list")},
      {"control_flow",
       {{"x", Value{FloatTensor({2, 1}, {1, 2})}}, {"flag", Value{true}}},
       Value{FloatTensor({2, 1}, {2, 4})}},
      {"control_flow",
       {{"x", Value{FloatTensor({2, 1}, {1, 2})}}, {"flag", Value{false}}},
       Value{FloatTensor({2, 1}, {3, 3})}},
  };
  for (const ValueCase& c : cases) {
    EXPECT_EQ(LoadedModel(c.model).Answer(c.inputs), Dump(c.expected)) << c.model;
  }
}

TEST(ValueTest, AnOpenArgumentTakesEverything) {
  LoadedModel anything("anything");
  const std::vector<Value> values = {
      Value{None{}},
      Value{true},
      Int(-1),
      Value{2.5},
      Value{std::complex<double>(1, 2)},
      Str("text"),
      Floats({1}),
      ListOf({}),
      ListOf({Int(1), Str("mixed"), ListOf({})}),
      TupleOf({Int(1), TupleOf({})}),
      DictOf({}),
      DictOf({{Int(1), Str("a")}, {Int(2), Floats({3})}}),
  };
  for (const Value& value : values) EXPECT_EQ(anything.Answer({{"x", value}}), Dump(value));
}

TEST(ValueTest, AnOpenArgumentArrivesTyped) {
  LoadedModel typed_any("typed_any");
  const std::vector<std::pair<Value, std::string>> cases = {
      {ListOf({Str("a")}), "list[str]"},
      {Value{BytesTensor({2}, {"a", "b"})}, "list[str]"},
      {Value{BytesTensor({}, {"a"})}, "str"},
      {ListOf({Int(1)}), "list[int]"},
      {ListOf({Floats({1}), Floats({2, 3})}), "list[Tensor]"},
      {ListOf({}), "list[Tensor]"},
      {DictOf({{Str("a"), Floats({1})}}), "dict[str, Tensor]"},
      {ListOf({Int(1), Str("a")}), "other"},
  };
  for (const auto& [value, type] : cases) EXPECT_EQ(typed_any.Answer({{"x", value}}), Dump(Str(type)));
}

// A forked task uses the module's graphs; freed under it, the process ended with a segmentation fault.
TEST(ForkTest, AModuleIsNotFreedWhileWhatItForkedStillRuns) {
  for (int i = 0; i < 20; ++i) {
    LoadedModel model("fork_without_wait");
    EXPECT_THAT(model.Call({{"x", Floats({1})}}), IsOk());
    EXPECT_THAT(model.Call({{"x", Floats({-1})}}),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("ValueError: negative")));
  }
}

}  // namespace
}  // namespace modeld
