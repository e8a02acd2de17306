#include "daemon/codec/value_codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>

#include <complex>
#include <string>

#include "daemon/engine/tensor.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

v1::Value Parse(const std::string& text) {
  v1::Value wire;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &wire)) << text;
  return wire;
}

absl::StatusOr<Value> Read(const std::string& text) {
  v1::Value wire = Parse(text);
  return FromWire(wire, "input", "x");
}

// Both ways must give the same message again.
TEST(ValueCodecTest, EveryKindComesBackFromTheEnginesForm) {
  for (const std::string text : {
           "none {}",
           "bool_value: true",
           "int_value: -9223372036854775808",
           "float_value: 0.1",
           "string_value: \"Z\xc3\xbcrich\"",
           "complex_value { real: 1.5 imag: -2 }",
           "list {}",
           "list { items { int_value: 1 } items { int_value: 2 } }",
           "tuple { items { bool_value: false } items { none {} } }",
           "tuple { items { int_value: 1 } names: 'left' }",
           "dict {}",
           "dict { entries { key { string_value: 'b' } value { int_value: 1 } }"
           "       entries { key { int_value: 7 } value { list {} } }"
           "       entries { key { float_value: 0.5 } value { none {} } }"
           "       entries { key { bool_value: true } value { string_value: '' } } }",
           "tensor { dtype: 'INT8' shape: [ 3 ] raw: 'abc' }",
           "list { items { dict { entries { key { string_value: 'boxes' }"
           "       value { tensor { dtype: 'UINT8' shape: [ 2, 0 ] } } } } } }",
       }) {
    ASSERT_OK_AND_ASSIGN(const Value value, Read(text));
    v1::Value back;
    ToWire(value, &back);
    EXPECT_EQ(back.DebugString(), Parse(text).DebugString());
  }
}

TEST(ValueCodecTest, KindsBecomeTheEnginesTypes) {
  EXPECT_NE(Read("none {}")->get_if<None>(), nullptr);
  EXPECT_EQ(*Read("bool_value: true")->get_if<bool>(), true);
  EXPECT_EQ(*Read("int_value: 1")->get_if<int64_t>(), 1);
  EXPECT_EQ(*Read("float_value: 1")->get_if<double>(), 1.0);
  EXPECT_EQ(*Read("string_value: '1'")->get_if<std::string>(), "1");
  EXPECT_EQ(*Read("complex_value { real: 1 imag: 2 }")->get_if<std::complex<double>>(),
            std::complex<double>(1, 2));
  EXPECT_EQ(Read("list { items { int_value: 1 } }")->get_if<List>()->items.size(), 1u);
  EXPECT_THAT(Read("tuple { items { int_value: 1 } names: 'a' }")->get_if<Tuple>()->names, ElementsAre("a"));
  EXPECT_EQ(Read("dict {}")->get_if<Dict>()->entries.size(), 0u);
  EXPECT_EQ(Read("tensor { dtype: 'FP32' raw: '1234' }")->get_if<Tensor>()->element_count(), 1);
}

TEST(ValueCodecTest, LongStringIsMovedNotCopied) {
  v1::Value wire;
  wire.set_string_value(std::string(1000, 's'));
  const char* const before = wire.string_value().data();
  ASSERT_OK_AND_ASSIGN(const Value value, FromWire(wire, "input", "x"));
  EXPECT_EQ(value.get_if<std::string>()->data(), before);
}

TEST(ValueCodecTest, RawTensorBytesDeepInsideAreMovedNotCopied) {
  v1::Value wire;
  v1::Tensor& tensor = *wire.mutable_list()->add_items()->mutable_tensor();
  tensor.set_dtype("FP32");
  tensor.add_shape(1000);
  tensor.set_raw(std::string(4000, '\0'));
  const void* const before = tensor.raw().data();
  ASSERT_OK_AND_ASSIGN(const Value value, FromWire(wire, "input", "x"));
  EXPECT_EQ(value.get_if<List>()->items[0].get_if<Tensor>()->buffer.data, before);
}

TEST(ValueCodecTest, StringThatIsNotUtf8BecomesABytesTensor) {
  v1::Value wire;
  ToWire(Value{std::string("Z\xfcrich")}, &wire);
  EXPECT_EQ(wire.tensor().dtype(), "BYTES");
  EXPECT_EQ(wire.tensor().shape_size(), 0);
  EXPECT_EQ(wire.tensor().raw(), std::string("\x06\0\0\0Z\xfcrich", 10));
}

struct BadValue {
  const char* name;
  std::string text;
  std::string message;  // its beginning
};

class BadValueTest : public testing::TestWithParam<BadValue> {};

TEST_P(BadValueTest, IsRefusedWithItsPath) {
  EXPECT_THAT(Read(GetParam().text),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Values, BadValueTest,
    testing::Values(
        BadValue{"NoKind", "", "input \"x\": no value is set; to pass None, set `none`"},
        BadValue{"NoKindInList", "list { items { none {} } items {} }", "input \"x\"[1]: no value is set"},
        BadValue{"DeepTensor",
                 "tuple { items { list { items { dict { entries { key { string_value: 'bo\"x' }"
                 " value { tensor { dtype: 'FP31' } } } } } } } }",
                 "input \"x\"[0][0][\"bo\\\"x\"]: unknown dtype \"FP31\""},
        BadValue{"IntKeyPath", "dict { entries { key { int_value: 3 } value {} } }",
                 "input \"x\"[3]: no value"},
        BadValue{"BoolKeyPath", "dict { entries { key { bool_value: true } value {} } }",
                 "input \"x\"[true]: no value"},
        BadValue{"FloatKeyPath", "dict { entries { key { float_value: 0.5 } value {} } }",
                 "input \"x\"[0.5]: no value"},
        BadValue{"NoKey", "dict { entries { value { none {} } } }", "input \"x\"{key 0}: no value is set"},
        BadValue{
            "ListKey",
            "dict { entries { key { string_value: 'a' } value { none {} } }"
            "       entries { key { list {} } value { none {} } } }",
            "input \"x\"{key 1}: a dictionary key cannot be list of 0; expected str, int, float or bool"},
        BadValue{"NoneKey", "dict { entries { key { none {} } value { none {} } } }",
                 "input \"x\"{key 0}: a dictionary key cannot be None"},
        BadValue{"TensorKey",
                 "dict { entries { key { tensor { dtype: 'BOOL' raw: '\\x00' } } value { none {} } } }",
                 "input \"x\"{key 0}: a dictionary key cannot be BOOL[]"},
        BadValue{"TupleNames", "tuple { items { none {} } names: 'a' names: 'b' }",
                 "input \"x\": the tuple has 1 items but 2 names"}),
    [](const testing::TestParamInfo<BadValue>& info) { return info.param.name; });

TEST(ValueCodecTest, NestingIsLimitedTo32) {
  for (const auto& [depth, fits] : {std::pair(32, true), std::pair(33, false)}) {
    v1::Value wire;
    v1::Value* innermost = &wire;
    for (int i = 0; i < depth; ++i) innermost = innermost->mutable_list()->add_items();
    innermost->mutable_none();
    const absl::StatusOr<Value> value = FromWire(wire, "input", "x");
    if (fits) {
      EXPECT_OK(value);
    } else {
      EXPECT_THAT(value, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nested deeper than 32")));
    }
  }
}

}  // namespace
}  // namespace modeld
