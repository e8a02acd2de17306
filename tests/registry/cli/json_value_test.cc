#include "registry/cli/json_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::HasSubstr;

absl::StatusOr<v1::Value> Parse(const std::string& type, const std::string& json,
                                const std::string& dtype = "") {
  return ValueFromJson(ParseTypeNotation(type), dtype, nlohmann::ordered_json::parse(json));
}

// The value in protobuf's text form, on one line.
std::string Text(const absl::StatusOr<v1::Value>& value) {
  if (!value.ok()) return value.status().ToString();
  std::string text = value->ShortDebugString();
  return text;
}

TEST(JsonValueTest, Values) {
  const struct {
    const char* type;
    const char* json;
    const char* expected;
  } kCases[] = {
      {"bool", "true", "bool_value: true"},
      {"int", "-3", "int_value: -3"},
      {"float", "3", "float_value: 3"},
      {"float", "2.5", "float_value: 2.5"},
      {"number", "3", "int_value: 3"},
      {"number", "2.5", "float_value: 2.5"},
      {"str", "\"a\"", "string_value: \"a\""},
      {"NoneType", "null", "none { }"},
      {"Optional[int]", "null", "none { }"},
      {"Optional[int]", "3", "int_value: 3"},
      {"complex", "2", "complex_value { real: 2 }"},
      {"complex", "[1, -2]", "complex_value { real: 1 imag: -2 }"},
      {"List[int]", "[]", "list { }"},
      {"List[int]", "[1, 2]", "list { items { int_value: 1 } items { int_value: 2 } }"},
      {"Tuple[int, str]", "[1, \"a\"]", "tuple { items { int_value: 1 } items { string_value: \"a\" } }"},
      {"NamedTuple(a: int, b: int)", R"({"b": 2, "a": 1})",
       "tuple { items { int_value: 1 } items { int_value: 2 } names: \"a\" names: \"b\" }"},
      {"Dict[str, int]", R"({"z": 1, "a": 2})",
       "dict { entries { key { string_value: \"z\" } value { int_value: 1 } } "
       "entries { key { string_value: \"a\" } value { int_value: 2 } } }"},
      {"Dict[int, str]", R"({"7": "a"})",
       "dict { entries { key { int_value: 7 } value { string_value: \"a\" } } }"},
      {"Union[int, str]", "\"a\"", "string_value: \"a\""},
      {"Any", "[1, 2.5, null, {\"a\": true}]",
       "list { items { int_value: 1 } items { float_value: 2.5 } items { none { } } "
       "items { dict { entries { key { string_value: \"a\" } value { bool_value: true } } } } }"},
      {"List[Tensor]", "[[1]]", "list { items { tensor { dtype: \"INT64\" shape: 1 int_values: 1 } } }"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Text(Parse(c.type, c.json)), c.expected) << c.type << " " << c.json;
}

TEST(JsonValueTest, TensorsByDeclaredDtypeOrByTheirElements) {
  const struct {
    const char* dtype;
    const char* json;
    const char* expected;
  } kCases[] = {
      {"", "[[1, 2], [3, 4]]",
       "tensor { dtype: \"INT64\" shape: 2 shape: 2 int_values: 1 int_values: 2 int_values: 3 int_values: 4 "
       "}"},
      {"", "[1, 2.5]", "tensor { dtype: \"FP32\" shape: 2 float_values: 1 float_values: 2.5 }"},
      {"", "[true]", "tensor { dtype: \"BOOL\" shape: 1 bool_values: true }"},
      {"", "[\"a\"]", "tensor { dtype: \"BYTES\" shape: 1 bytes_values: \"a\" }"},
      {"", "[[], []]", "tensor { dtype: \"FP32\" shape: 2 shape: 0 }"},
      {"", "3", "tensor { dtype: \"INT64\" int_values: 3 }"},
      {"FP32", "[1]", "tensor { dtype: \"FP32\" shape: 1 float_values: 1 }"},
      {"FP16", "[1]", "tensor { dtype: \"FP16\" shape: 1 float_values: 1 }"},
      {"BF16", "[1]", "tensor { dtype: \"BF16\" shape: 1 float_values: 1 }"},
      {"FP64", "[1e300]", "tensor { dtype: \"FP64\" shape: 1 double_values: 1e+300 }"},
      {"INT8", "[-1]", "tensor { dtype: \"INT8\" shape: 1 int_values: -1 }"},
      {"UINT32", "[1]", "tensor { dtype: \"UINT32\" shape: 1 int_values: 1 }"},
      {"UINT64", "[18446744073709551615]",
       "tensor { dtype: \"UINT64\" shape: 1 uint_values: 18446744073709551615 }"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Text(Parse("Tensor", c.json, c.dtype)), c.expected) << c.dtype << " " << c.json;
  }
  EXPECT_EQ(Text(Parse("Optional[Tensor]", "[1]", "FP32")),
            "tensor { dtype: \"FP32\" shape: 1 float_values: 1 }");
}

TEST(JsonValueTest, ErrorsSayWhereAndWhat) {
  const struct {
    const char* type;
    const char* json;
    const char* message;
  } kCases[] = {
      {"int", "2.5", "expected int, got \"2.5\""},
      {"int", "true", "expected int, got \"true\""},
      {"int", "9223372036854775808", "expected int"},
      {"bool", "1", "expected bool"},
      {"str", "1", "expected str"},
      {"complex", "[1]", "expected complex"},
      {"List[int]", "{}", "expected an array"},
      {"List[Dict[str, int]]", R"([{}, {"a": "b"}])", "[1][\"a\"]: expected int, got \"\\\"b\\\"\""},
      {"Dict[int, int]", R"({"x": 1})", "[\"x\"]: expected int, got \"x\""},
      {"Dict[str, int]", "[]", "expected an object"},
      {"Tuple[int, int]", "[1]", "expected 2 items, got 1"},
      {"NamedTuple(a: int, b: int)", R"({"a": 1, "c": 2})", "field \"b\" is missing"},
      {"Union[int, str]", "[]", "expected one of the union's types"},
      {"Tensor", "[[1, 2], [3]]", "ragged arrays: dimension 1 is 2 at first, then 1"},
      {"Tensor", "[[1], 2]", "ragged arrays: expected an array of 1, got \"2\""},
      {"Tensor", "[1, [2]]", "ragged arrays: an element is an array, another is not"},
      {"Tensor", "[1, \"a\"]", "element \"\\\"a\\\"\" is no FP32"},
      {"Tensor", "{}", "element \"{}\" is no FP32"},
      {"List[Tensor]", "[[1], [true, 2]]", "[1]: element \"true\" is no FP32"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(Parse(c.type, c.json), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)))
        << c.type << " " << c.json;
  }
}

TEST(JsonValueTest, ElementsThatADtypeCannotHold) {
  const struct {
    const char* dtype;
    const char* json;
    const char* message;
  } kCases[] = {
      {"FP32", "[1e39]", "is no FP32"},  {"INT64", "[9223372036854775808]", "is no INT64"},
      {"INT64", "[1.0]", "is no INT64"}, {"UINT64", "[-1]", "is no UINT64"},
      {"BOOL", "[1]", "is no BOOL"},     {"COMPLEX64", "[1]", "give it as @FILE.npy"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(Parse("Tensor", c.json, c.dtype),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
}

TEST(JsonValueTest, DeepNestingIsRefused) {
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  EXPECT_THAT(Parse("Any", deep),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nested deeper than 32")));
  EXPECT_THAT(Parse("Tensor", deep),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 32 dimensions")));
}

}  // namespace
}  // namespace modeld
