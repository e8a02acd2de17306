#include "daemon/codec/tensor_codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr DType kAllDtypes[] = {
    DType::kBool,  DType::kInt8,   DType::kInt16,  DType::kInt32,     DType::kInt64,
    DType::kUint8, DType::kUint16, DType::kUint32, DType::kUint64,    DType::kFp16,
    DType::kBf16,  DType::kFp32,   DType::kFp64,   DType::kComplex64, DType::kComplex128,
};

v1::Tensor Parse(const std::string& text) {
  v1::Tensor wire;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &wire)) << text;
  return wire;
}

absl::StatusOr<Tensor> Read(const std::string& text) {
  v1::Tensor wire = Parse(text);
  return TensorFromWire(wire);
}

std::string Bytes(const Tensor& tensor) {
  return std::string(static_cast<const char*>(tensor.buffer.data), tensor.buffer.size);
}

template <typename T>
std::string BytesOf(const std::vector<T>& elements) {
  return std::string(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
}

TEST(TensorCodecTest, RawOfEveryDtypeComesBack) {
  for (const DType dtype : kAllDtypes) {
    v1::Tensor wire;
    wire.set_dtype(std::string(DTypeName(dtype)));
    wire.add_shape(2);
    wire.add_shape(3);
    wire.set_raw(std::string(6 * ItemSize(dtype), '\1'));
    const v1::Tensor expected = wire;
    ASSERT_OK_AND_ASSIGN(const Tensor tensor, TensorFromWire(wire));
    EXPECT_EQ(tensor.dtype, dtype);
    EXPECT_THAT(tensor.shape, ElementsAre(2, 3));
    EXPECT_EQ(Bytes(tensor), expected.raw());
    v1::Tensor back;
    TensorToWire(tensor, &back);
    EXPECT_EQ(back.DebugString(), expected.DebugString());
  }
}

TEST(TensorCodecTest, RawBytesTensorComesBack) {
  const std::string raw("\1\0\0\0a\0\0\0\0\3\0\0\0b\0c", 16);
  v1::Tensor wire;
  wire.set_dtype("BYTES");
  wire.add_shape(3);
  wire.set_raw(raw);
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, TensorFromWire(wire));
  EXPECT_THAT(tensor.strings, ElementsAre("a", "", std::string("b\0c", 3)));
  v1::Tensor back;
  TensorToWire(tensor, &back);
  EXPECT_EQ(back.raw(), raw);
}

TEST(TensorCodecTest, LongRawIsMovedNotCopied) {
  v1::Tensor wire;
  wire.set_dtype("UINT8");
  wire.add_shape(1 << 20);
  wire.set_raw(std::string(1 << 20, 'x'));
  const void* const before = wire.raw().data();
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, TensorFromWire(wire));
  EXPECT_EQ(tensor.buffer.data, before);
}

struct TypedCase {
  const char* name;
  std::string text;
  std::string bytes;
};

class TypedTest : public testing::TestWithParam<TypedCase> {};

TEST_P(TypedTest, BecomesTheDtypesBytes) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Read(GetParam().text));
  EXPECT_EQ(Bytes(tensor), GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Dtypes, TypedTest,
    testing::Values(
        TypedCase{"Bool", "dtype: 'BOOL' shape: 2 bool_values: [true, false]", std::string("\1\0", 2)},
        TypedCase{"Int8", "dtype: 'INT8' shape: 2 int_values: [-128, 127]", BytesOf<int8_t>({-128, 127})},
        TypedCase{"Int16", "dtype: 'INT16' shape: 2 int_values: [-32768, 32767]",
                  BytesOf<int16_t>({-32768, 32767})},
        TypedCase{"Int32", "dtype: 'INT32' shape: 2 int_values: [-2147483648, 2147483647]",
                  BytesOf<int32_t>({INT32_MIN, INT32_MAX})},
        TypedCase{"Int64", "dtype: 'INT64' shape: 2 int_values: [-9223372036854775808, 9223372036854775807]",
                  BytesOf<int64_t>({INT64_MIN, INT64_MAX})},
        TypedCase{"Uint8", "dtype: 'UINT8' shape: 2 uint_values: [0, 255]", BytesOf<uint8_t>({0, 255})},
        TypedCase{"Uint8FromInts", "dtype: 'UINT8' shape: 2 int_values: [0, 255]",
                  BytesOf<uint8_t>({0, 255})},
        TypedCase{"Uint16", "dtype: 'UINT16' shape: 1 uint_values: 65535", BytesOf<uint16_t>({65535})},
        TypedCase{"Uint32FromInts", "dtype: 'UINT32' shape: 1 int_values: 4294967295",
                  BytesOf<uint32_t>({UINT32_MAX})},
        TypedCase{"Uint64", "dtype: 'UINT64' shape: 1 uint_values: 18446744073709551615",
                  BytesOf<uint64_t>({UINT64_MAX})},
        TypedCase{"Fp16", "dtype: 'FP16' shape: 3 float_values: [1, 65519, inf]",
                  BytesOf<uint16_t>({0x3c00, 0x7bff, 0x7c00})},
        TypedCase{"Bf16", "dtype: 'BF16' shape: 3 float_values: [1, 1.00390625, -inf]",
                  BytesOf<uint16_t>({0x3f80, 0x3f80, 0xff80})},
        TypedCase{"Fp32", "dtype: 'FP32' shape: 2 float_values: [0.5, -0.0]", BytesOf<float>({0.5f, -0.0f})},
        TypedCase{"Fp64", "dtype: 'FP64' shape: 1 double_values: 0.1", BytesOf<double>({0.1})},
        TypedCase{"NoDimensions", "dtype: 'INT32' int_values: 7", BytesOf<int32_t>({7})},
        TypedCase{"NoElements", "dtype: 'FP32' shape: [0, 3]", ""}),
    [](const testing::TestParamInfo<TypedCase>& info) { return info.param.name; });

TEST(TensorCodecTest, TypedBytesBecomeStrings) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor,
                       Read("dtype: 'BYTES' shape: [2, 1] bytes_values: ['a', '\\377']"));
  EXPECT_THAT(tensor.strings, ElementsAre("a", "\xff"));
}

struct BadTensor {
  const char* name;
  std::string text;
  std::string message;  // part of it
};

class BadTensorTest : public testing::TestWithParam<BadTensor> {};

TEST_P(BadTensorTest, IsRefused) {
  EXPECT_THAT(Read(GetParam().text),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Tensors, BadTensorTest,
    testing::Values(
        BadTensor{"NoDtype", "shape: 1", "the tensor has no dtype"},
        BadTensor{"UnknownDtype", "dtype: 'float32'", "unknown dtype \"float32\"; expected one such as FP32"},
        BadTensor{"TooFewBytes", "dtype: 'FP32' shape: [2, 3] raw: 'abcd'",
                  "raw has 4 bytes, but FP32[2,3] takes 24"},
        BadTensor{"TooManyBytes", "dtype: 'INT8' shape: 1 raw: 'ab'", "raw has 2 bytes, but INT8[1] takes 1"},
        BadTensor{"NothingForAScalar", "dtype: 'FP32'", "raw has 0 bytes, but FP32[] takes 4"},
        BadTensor{"BytesForNoElements", "dtype: 'INT8' shape: 0 raw: 'a'",
                  "raw has 1 bytes, but INT8[0] takes 0"},
        BadTensor{"TooFewElements", "dtype: 'FP32' shape: [2, 2] float_values: 1",
                  "float_values has 1 elements, but FP32[2,2] takes 4"},
        BadTensor{"NegativeDimension", "dtype: 'FP32' shape: [2, -1]", "FP32[2,-1]"},
        BadTensor{"ElementsOverflow", "dtype: 'INT8' shape: [4611686018427387904, 4]", "overflow"},
        BadTensor{"BytesOverflow", "dtype: 'FP64' shape: [4611686018427387904]", "overflow"},
        BadTensor{"RawAndTyped", "dtype: 'INT8' shape: 1 raw: 'a' int_values: 1",
                  "elements stand in both raw and int_values; use one"},
        BadTensor{"TwoTyped", "dtype: 'UINT8' shape: 1 int_values: 1 uint_values: 1",
                  "elements stand in both int_values and uint_values; use one"},
        BadTensor{"WrongTyped", "dtype: 'FP32' shape: 1 double_values: 1",
                  "FP32 elements stand in double_values; use float_values or raw"},
        BadTensor{"WrongTypedOfTwo", "dtype: 'UINT8' shape: 1 float_values: 1",
                  "UINT8 elements stand in float_values; use int_values or uint_values or raw"},
        BadTensor{"Int64FromUints", "dtype: 'INT64' shape: 1 uint_values: 1", "use int_values or raw"},
        BadTensor{"Uint64FromInts", "dtype: 'UINT64' shape: 1 int_values: 1", "use uint_values or raw"},
        BadTensor{"ComplexTyped", "dtype: 'COMPLEX64' shape: 1 float_values: 1",
                  "COMPLEX64 elements stand in float_values; use raw"},
        BadTensor{"Int8TooLarge", "dtype: 'INT8' shape: 2 int_values: [1, 128]",
                  "element 1 is 128, which INT8 cannot hold"},
        BadTensor{"Int32TooSmall", "dtype: 'INT32' shape: 1 int_values: -2147483649", "INT32 cannot hold"},
        BadTensor{"Uint8Negative", "dtype: 'UINT8' shape: 1 int_values: -1", "element 0 is -1"},
        BadTensor{"Uint16TooLarge", "dtype: 'UINT16' shape: 1 uint_values: 65536", "UINT16 cannot hold"},
        BadTensor{"Fp16TooLarge", "dtype: 'FP16' shape: 1 float_values: 65520", "element 0 is 65520"},
        BadTensor{"Bf16TooLarge", "dtype: 'BF16' shape: 1 float_values: -3.4028235e38", "BF16 cannot hold"},
        BadTensor{"BoolByte", "dtype: 'BOOL' shape: 3 raw: '\\001\\000\\377'",
                  "element 2 is the byte 255; BOOL elements are 0 or 1"},
        BadTensor{"BytesTooShortForLengths", "dtype: 'BYTES' shape: 1000000000000 raw: 'abcd'",
                  "raw has 4 bytes, too few for the lengths of BYTES[1000000000000]"},
        BadTensor{"BytesNothingForAScalar", "dtype: 'BYTES'", "raw has 0 bytes, too few"},
        BadTensor{"BytesLengthTooLarge", "dtype: 'BYTES' shape: 1 raw: '\\003\\000\\000\\000ab'",
                  "raw gives element 0 a length of 3 bytes, but only 2 follow"},
        BadTensor{"BytesLengthHuge", "dtype: 'BYTES' shape: 1 raw: '\\377\\377\\377\\377'",
                  "4294967295 bytes"},
        BadTensor{"BytesEndInLength", "dtype: 'BYTES' shape: 2 raw: '\\001\\000\\000\\000a\\000\\000\\000'",
                  "raw ends before the length of element 1"},
        BadTensor{"BytesLeftOver", "dtype: 'BYTES' shape: 1 raw: '\\001\\000\\000\\000abc'",
                  "raw has 2 bytes after the last element of BYTES[1]"}),
    [](const testing::TestParamInfo<BadTensor>& info) { return info.param.name; });

TEST(TensorCodecTest, MoreThan64DimensionsAreRefused) {
  v1::Tensor wire;
  wire.set_dtype("INT8");
  wire.set_raw("a");
  for (int i = 0; i < 64; ++i) wire.add_shape(1);
  v1::Tensor one_more = wire;
  one_more.add_shape(1);
  EXPECT_OK(TensorFromWire(wire));
  EXPECT_THAT(TensorFromWire(one_more),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has 65 dimensions; at most 64")));
}

}  // namespace
}  // namespace modeld
