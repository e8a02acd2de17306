#include "daemon/engine/coerce.h"

#include <gtest/gtest.h>

#include <limits>
#include <ostream>

#include "tests/support/values.h"

namespace modeld {
namespace {

using Kind = Type::Kind;

const Type kTensor = TypeOf(Kind::kTensor);
const Type kBool = TypeOf(Kind::kBool);
const Type kInt = TypeOf(Kind::kInt);
const Type kFloat = TypeOf(Kind::kFloat);
const Type kComplex = TypeOf(Kind::kComplex);
const Type kString = TypeOf(Kind::kString);
const Type kNumber = TypeOf(Kind::kNumber);
const Type kNone = TypeOf(Kind::kNone);
const Type kStringTensor = TypeOf(Kind::kStringTensor);
const Type kAny = TypeOf(Kind::kAny);
const Type kDevice = Type{Kind::kOther, {}, {}, "Device"};
Type ListType(Type element) { return TypeOf(Kind::kList, {std::move(element)}); }
Type OptionalType(Type type) { return TypeOf(Kind::kOptional, {std::move(type)}); }
Type TupleType(std::vector<Type> items) { return TypeOf(Kind::kTuple, std::move(items)); }
Type UnionType(std::vector<Type> members) { return TypeOf(Kind::kUnion, std::move(members)); }
Type DictType(Type key, Type value) { return TypeOf(Kind::kDict, {std::move(key), std::move(value)}); }
Type PointType() { return Type{Kind::kTuple, {kFloat, kFloat}, {"x", "y"}, {}}; }

Tensor Half(uint16_t bits) { return MakeTensor<uint16_t>(DType::kFp16, {1}, {bits}); }
Tensor Brain(uint16_t bits) { return MakeTensor<uint16_t>(DType::kBf16, {}, {bits}); }

struct FitCase {
  const char* what;
  Type type;
  Value value;
  Value becomes;
};

void PrintTo(const FitCase& c, std::ostream* out) { *out << c.what; }

class CoerceFitTest : public testing::TestWithParam<FitCase> {};

TEST_P(CoerceFitTest, Fits) {
  Value value = GetParam().value;
  const std::optional<Mismatch> mismatch = Coerce(GetParam().type, value);
  ASSERT_EQ(mismatch, std::nullopt) << mismatch->path << ": " << mismatch->message;
  EXPECT_EQ(Dump(value), Dump(GetParam().becomes));
}

FitCase Same(const char* what, Type type, Value value) {
  return FitCase{what, std::move(type), value, value};
}

INSTANTIATE_TEST_SUITE_P(
    Exact, CoerceFitTest,
    testing::Values(Same("tensor", kTensor, Value{FloatTensor({2}, {1, 2})}),
                    Same("tensor of no elements", kTensor, Value{FloatTensor({0, 3}, {})}),
                    Same("tensor of strings", kStringTensor, Value{BytesTensor({1, 2}, {"a", "b"})}),
                    Same("tensor of no dimensions", kTensor, Value{FloatTensor({}, {1})}),
                    Same("bool", kBool, Value{true}), Same("int", kInt, Int(-7)),
                    Same("float", kFloat, Value{0.5}), Same("str", kString, Str("")),
                    Same("complex", kComplex, Value{std::complex<double>(1, -1)}),
                    Same("none", kNone, Value{None{}}), Same("number: int", kNumber, Int(1)),
                    Same("number: float", kNumber, Value{1.5}), Same("number: bool", kNumber, Value{false}),
                    Same("number: complex", kNumber, Value{std::complex<double>(0, 1)}),
                    Same("list", ListType(kInt), ListOf({Int(1), Int(2)})),
                    Same("empty list", ListType(kTensor), ListOf({})),
                    Same("list of lists", ListType(ListType(kString)),
                         ListOf({ListOf({Str("a")}), ListOf({})})),
                    Same("tuple", TupleType({kInt, kString}), TupleOf({Int(1), Str("b")})),
                    Same("dict", DictType(kString, kInt), DictOf({{Str("b"), Int(1)}, {Str("a"), Int(2)}})),
                    Same("dict of ints", DictType(kInt, kString), DictOf({{Int(3), Str("c")}})),
                    Same("optional: none", OptionalType(kInt), Value{None{}}),
                    Same("optional: value", OptionalType(kInt), Int(4)),
                    Same("union", UnionType({kInt, kString}), Str("u")),
                    Same("any", kAny, TupleOf({Int(1), ListOf({Str("x"), Value{None{}}})}, {"a", "b"}))));

INSTANTIATE_TEST_SUITE_P(
    Converted, CoerceFitTest,
    testing::Values(
        FitCase{"int for float", kFloat, Int(3), Value{3.0}},
        FitCase{"int for float inside a dict", DictType(kString, kFloat), DictOf({{Str("a"), Int(3)}}),
                DictOf({{Str("a"), Value{3.0}}})},
        FitCase{"one element for bool", kBool, Value{MakeTensor<uint8_t>(DType::kBool, {1}, {1})},
                Value{true}},
        FitCase{"no dimensions for int", kInt, Value{IntTensor({}, {-9})}, Int(-9)},
        FitCase{"several dimensions of one for int", kInt, Value{IntTensor({1, 1}, {5})}, Int(5)},
        FitCase{"INT8 for int", kInt, Value{MakeTensor<int8_t>(DType::kInt8, {1}, {-8})}, Int(-8)},
        FitCase{"INT16 for int", kInt, Value{MakeTensor<int16_t>(DType::kInt16, {1}, {-16})}, Int(-16)},
        FitCase{"INT32 for int", kInt, Value{MakeTensor<int32_t>(DType::kInt32, {1}, {-32})}, Int(-32)},
        FitCase{"UINT8 for int", kInt, Value{MakeTensor<uint8_t>(DType::kUint8, {1}, {255})}, Int(255)},
        FitCase{"UINT16 for int", kInt, Value{MakeTensor<uint16_t>(DType::kUint16, {1}, {65535})},
                Int(65535)},
        FitCase{"UINT32 for int", kInt, Value{MakeTensor<uint32_t>(DType::kUint32, {1}, {4294967295})},
                Int(4294967295)},
        FitCase{"UINT64 for int", kInt, Value{MakeTensor<uint64_t>(DType::kUint64, {1}, {7})}, Int(7)},
        FitCase{"FP32 for float", kFloat, Value{FloatTensor({1}, {0.25f})}, Value{0.25}},
        FitCase{"FP64 for float", kFloat, Value{MakeTensor<double>(DType::kFp64, {}, {0.1})}, Value{0.1}},
        FitCase{"int tensor for float", kFloat, Value{IntTensor({1}, {2})}, Value{2.0}},
        FitCase{"FP16 for float", kFloat, Value{Half(0xbe00)}, Value{-1.5}},
        FitCase{"FP16 subnormal", kFloat, Value{Half(0x0001)}, Value{0x1p-24}},
        FitCase{"FP16 largest", kFloat, Value{Half(0x7bff)}, Value{65504.0}},
        FitCase{"FP16 infinity", kFloat, Value{Half(0xfc00)},
                Value{-std::numeric_limits<double>::infinity()}},
        FitCase{"FP16 negative zero", kFloat, Value{Half(0x8000)}, Value{-0.0}},
        FitCase{"BF16 for float", kFloat, Value{Brain(0x3fc0)}, Value{1.5}},
        FitCase{"COMPLEX64 for complex", kComplex,
                Value{MakeTensor<std::complex<float>>(DType::kComplex64, {1}, {{1.0f, 2.0f}})},
                Value{std::complex<double>(1, 2)}},
        FitCase{"COMPLEX128 for complex", kComplex,
                Value{MakeTensor<std::complex<double>>(DType::kComplex128, {1}, {{1.0, 2.0}})},
                Value{std::complex<double>(1, 2)}},
        FitCase{"one element for number", kNumber, Value{FloatTensor({1}, {2.5f})}, Value{2.5}},
        FitCase{"BYTES for str", kString, Value{BytesTensor({1}, {"hello"})}, Str("hello")},
        FitCase{"BYTES of no dimensions for str", kString, Value{BytesTensor({}, {"hello"})}, Str("hello")},
        FitCase{"BYTES for a list of str", ListType(kString), Value{BytesTensor({2}, {"a", "b"})},
                ListOf({Str("a"), Str("b")})},
        FitCase{"no BYTES for a list of str", ListType(kString), Value{BytesTensor({0}, {})}, ListOf({})},
        FitCase{"int tensor for a list of int", ListType(kInt), Value{IntTensor({3}, {1, 2, 3})},
                ListOf({Int(1), Int(2), Int(3)})},
        FitCase{"float tensor for a list of float", ListType(kFloat), Value{FloatTensor({2}, {1, 2})},
                ListOf({Value{1.0}, Value{2.0}})},
        FitCase{"int tensor for a list of float", ListType(kFloat), Value{IntTensor({1}, {4})},
                ListOf({Value{4.0}})},
        FitCase{"bool tensor for a list of bool", ListType(kBool),
                Value{MakeTensor<uint8_t>(DType::kBool, {2}, {1, 0})}, ListOf({Value{true}, Value{false}})},
        FitCase{"tuple for a list", ListType(kInt), TupleOf({Int(1), Int(2)}, {"a", "b"}),
                ListOf({Int(1), Int(2)})},
        FitCase{"list for a tuple", TupleType({kInt, kFloat}), ListOf({Int(1), Int(2)}),
                TupleOf({Int(1), Value{2.0}})},
        FitCase{"empty list for an empty tuple", TupleType({}), ListOf({}), TupleOf({})},
        FitCase{"tuple for a named tuple", PointType(), TupleOf({Int(1), Value{2.0}}),
                TupleOf({Value{1.0}, Value{2.0}}, {"x", "y"})},
        FitCase{"optional of a converted value", OptionalType(kFloat), Int(1), Value{1.0}},
        FitCase{"union prefers what needs no conversion", UnionType({kFloat, kInt}), Int(1), Int(1)},
        FitCase{"union converts if it must", UnionType({kFloat, kString}), Int(1), Value{1.0}},
        FitCase{"union of lists", UnionType({ListType(kInt), ListType(kString)}), ListOf({Str("a")}),
                ListOf({Str("a")})},
        FitCase{"union takes no half-converted value",
                UnionType({TupleType({kFloat, kInt}), ListType(kNumber)}), ListOf({Int(1), Value{2.5}}),
                ListOf({Int(1), Value{2.5}})},
        FitCase{"any: BYTES of no dimensions", kAny, Value{BytesTensor({}, {"x"})}, Str("x")},
        FitCase{"any: BYTES of one dimension", kAny, Value{BytesTensor({1}, {"x"})}, ListOf({Str("x")})},
        FitCase{"any: BYTES deep inside", kAny, DictOf({{Str("k"), ListOf({Value{BytesTensor({}, {"x"})}})}}),
                DictOf({{Str("k"), ListOf({Str("x")})}})}));

struct MismatchCase {
  Type type;
  Value value;
  std::string path;
  std::string message;
};

void PrintTo(const MismatchCase& c, std::ostream* out) { *out << c.path << ": " << c.message; }

class CoerceMismatchTest : public testing::TestWithParam<MismatchCase> {};

TEST_P(CoerceMismatchTest, SaysWhereAndWhy) {
  Value value = GetParam().value;
  const std::optional<Mismatch> mismatch = Coerce(GetParam().type, value);
  ASSERT_NE(mismatch, std::nullopt) << Dump(value);
  EXPECT_EQ(mismatch->path, GetParam().path);
  EXPECT_EQ(mismatch->message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Scalars, CoerceMismatchTest,
    testing::Values(
        MismatchCase{kBool, Int(1), "", "expected bool, got int"},
        MismatchCase{kInt, Value{true}, "", "expected int, got bool"},
        MismatchCase{kInt, Value{1.0}, "", "expected int, got float"},
        MismatchCase{kFloat, Value{true}, "", "expected float, got bool"},
        MismatchCase{kFloat, Str("1"), "", "expected float, got str"},
        MismatchCase{kComplex, Value{1.0}, "", "expected complex, got float"},
        MismatchCase{kString, Int(1), "", "expected str, got int"},
        MismatchCase{kNumber, Str("1"), "", "expected number, got str"},
        MismatchCase{kNumber, Value{None{}}, "", "expected number, got None"},
        MismatchCase{kNone, Int(0), "", "expected NoneType, got int"},
        MismatchCase{kInt, Value{FloatTensor({1}, {1})}, "", "expected int, got FP32[1]"},
        MismatchCase{kBool, Value{IntTensor({1}, {1})}, "", "expected bool, got INT64[1]"},
        MismatchCase{kInt, Value{IntTensor({2}, {1, 2})}, "", "expected int, got INT64[2]"},
        MismatchCase{kInt, Value{IntTensor({0}, {})}, "", "expected int, got INT64[0]"},
        MismatchCase{kString, Value{BytesTensor({2}, {"a", "b"})}, "", "expected str, got BYTES[2]"},
        MismatchCase{kInt, Value{BytesTensor({1}, {"1"})}, "", "expected int, got BYTES[1]"},
        MismatchCase{kInt, Value{MakeTensor<uint64_t>(DType::kUint64, {1}, {uint64_t{1} << 63})}, "",
                     "expected int, got UINT64[1] beyond the range of int64"},
        MismatchCase{kDevice, Str("cpu"), "", "values of type Device cannot be passed"},
        MismatchCase{OptionalType(kInt), Str("1"), "", "expected int, got str"},
        MismatchCase{UnionType({kInt, kNone}), Str("1"), "", "expected Union[int, NoneType], got str"}));

INSTANTIATE_TEST_SUITE_P(
    Tensors, CoerceMismatchTest,
    testing::Values(
        MismatchCase{kTensor, Value{1.0}, "", "expected Tensor, got float"},
        MismatchCase{kTensor, ListOf({Value{1.0}}), "", "expected Tensor, got list of 1"},
        MismatchCase{kTensor, Value{None{}}, "", "expected Tensor, got None"},
        MismatchCase{kTensor, Value{BytesTensor({1}, {"a"})}, "", "expected Tensor, got BYTES[1]"},
        MismatchCase{kTensor, Value{Tensor{DType::kFp32, {2, 3}, Buffer::Allocate(16), {}}}, "",
                     "FP32[2,3] takes 24 bytes, got 16"},
        MismatchCase{kTensor, Value{Tensor{DType::kFp32, {2, -3}, Buffer::Allocate(24), {}}}, "",
                     "negative dimension in shape of FP32[2,-3]"},
        MismatchCase{
            kTensor,
            Value{Tensor{DType::kInt8, {int64_t{1} << 32, int64_t{1} << 32}, Buffer::Allocate(0), {}}}, "",
            "number of elements of INT8[4294967296,4294967296] overflows"},
        MismatchCase{kInt, Value{Tensor{DType::kInt64, {}, Buffer::Allocate(4), {}}}, "",
                     "INT64[] takes 8 bytes, got 4"},
        MismatchCase{kString, Value{BytesTensor({2}, {"a"})}, "", "BYTES[2] takes 2 elements, got 1"},
        MismatchCase{kAny, Value{Tensor{DType::kFp32, {1}, Buffer::Allocate(0), {}}}, "",
                     "FP32[1] takes 4 bytes, got 0"},
        MismatchCase{kAny, Value{BytesTensor({1, 1}, {"a"})}, "", "expected Any, got BYTES[1,1]"}));

INSTANTIATE_TEST_SUITE_P(
    Containers, CoerceMismatchTest,
    testing::Values(
        MismatchCase{ListType(kInt), Int(1), "", "expected List[int], got int"},
        MismatchCase{ListType(kInt), Value{FloatTensor({2}, {1, 2})}, "", "expected List[int], got FP32[2]"},
        MismatchCase{ListType(kInt), Value{IntTensor({1, 2}, {1, 2})}, "",
                     "expected List[int], got INT64[1,2]"},
        MismatchCase{ListType(kTensor), Value{FloatTensor({2}, {1, 2})}, "",
                     "expected List[Tensor], got FP32[2]"},
        MismatchCase{ListType(kInt), Value{MakeTensor<uint64_t>(DType::kUint64, {2}, {1, uint64_t{1} << 63})},
                     "[1]", "an element of UINT64[2] is beyond the range of int64"},
        MismatchCase{ListType(kInt), ListOf({Int(1), Str("2")}), "[1]", "expected int, got str"},
        MismatchCase{TupleType({kInt, kInt}), ListOf({Int(1)}), "",
                     "expected Tuple[int, int], got list of 1"},
        MismatchCase{TupleType({kInt}), ListOf({}), "", "expected Tuple[int], got list of 0"},
        MismatchCase{TupleType({kInt, kInt}), TupleOf({Int(1), Str("2")}), "[1]", "expected int, got str"},
        MismatchCase{PointType(), TupleOf({Value{1.0}, Value{2.0}}, {"y", "x"}), "",
                     "expected NamedTuple(x: float, y: float), got a tuple with the fields y, x"},
        MismatchCase{DictType(kString, kInt), ListOf({}), "", "expected Dict[str, int], got list of 0"},
        MismatchCase{DictType(kString, kInt), DictOf({{Int(3), Int(1)}}), "[3]",
                     "as a key, expected str, got int"},
        MismatchCase{DictType(kFloat, kInt), DictOf({{Str("pi"), Int(1)}}), "[\"pi\"]",
                     "as a key, expected float, got str"},
        MismatchCase{DictType(kFloat, kInt), DictOf({{Value{1.5}, Int(1)}, {Value{true}, Int(1)}}),
                     "[entry 1]", "as a key, expected float, got bool"},
        MismatchCase{ListType(DictType(kString, kTensor)),
                     ListOf({DictOf({}), DictOf({{Str("boxes"), Int(1)}})}), "[1][\"boxes\"]",
                     "expected Tensor, got int"},
        MismatchCase{DictType(kString, kInt), DictOf({{Str("a\"\x01"), Str("b")}}), "[\"a\\\"\\x01\"]",
                     "expected int, got str"}));

}  // namespace

}  // namespace modeld
