#include "registry/cli/parse_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::HasSubstr;

const std::map<std::string, std::string>& Files() {
  static const std::map<std::string, std::string> kFiles = {
      {"list.json", "[1, 2]"},
      {"prompt.txt", "two\nlines"},
      {"latin1.txt", "\xe9"},
      {"bad.json", "[1,"},
      {"x.npy",
       std::string("\x93NUMPY\1\0\x35\0{'descr': '<f4', 'fortran_order': False, 'shape': ()}\0\0\x80\x3f",
                   67)},
  };
  return kFiles;
}

absl::StatusOr<v1::Value> Parse(const std::string& type, const std::string& text,
                                const std::string& dtype = "") {
  v1::ArgumentSignature signature;
  signature.set_name("x");
  signature.set_type(type);
  signature.set_dtype(dtype);
  return ParseInput(signature, text, [](const std::string& path) -> absl::StatusOr<std::string> {
    const auto file = Files().find(path);
    if (file == Files().end()) return absl::NotFoundError(absl::StrCat("no file ", path));
    return file->second;
  });
}

std::string Text(const absl::StatusOr<v1::Value>& value) {
  return value.ok() ? value->ShortDebugString() : value.status().ToString();
}

TEST(SplitInputTest, AtTheFirstEqualsSign) {
  ASSERT_OK_AND_ASSIGN(const InputText input, SplitInput("text=a=b"));
  EXPECT_EQ(input.name, "text");
  EXPECT_EQ(input.text, "a=b");
  ASSERT_OK_AND_ASSIGN(const InputText empty, SplitInput("text="));
  EXPECT_EQ(empty.text, "");
  for (const char* argument : {"", "x", "=1"}) {
    EXPECT_THAT(SplitInput(argument), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NAME=VALUE")));
  }
}

TEST(ParseInputTest, Values) {
  const struct {
    const char* type;
    const char* text;
    const char* expected;
  } kCases[] = {
      {"bool", "true", "bool_value: true"},
      {"bool", "False", "bool_value: false"},
      {"int", "-3", "int_value: -3"},
      {"float", "1", "float_value: 1"},
      {"float", "inf", "float_value: inf"},
      {"str", "hello", "string_value: \"hello\""},
      {"str", "", "string_value: \"\""},
      {"str", "\"quoted\"", "string_value: \"\\\"quoted\\\"\""},
      {"str", "3", "string_value: \"3\""},
      {"str", "@@home", "string_value: \"@home\""},
      {"str", "@prompt.txt", "string_value: \"two\\nlines\""},
      {"Optional[str]", "None", "none { }"},
      {"Optional[str]", "@prompt.txt", "string_value: \"two\\nlines\""},
      {"Optional[int]", "null", "none { }"},
      {"List[int]", "[1]", "list { items { int_value: 1 } }"},
      {"List[int]", "@list.json", "list { items { int_value: 1 } items { int_value: 2 } }"},
      {"Tensor", "[1]", "tensor { dtype: \"INT64\" shape: 1 int_values: 1 }"},
      {"Tensor", "@list.json", "tensor { dtype: \"INT64\" shape: 2 int_values: 1 int_values: 2 }"},
      {"Tensor", "@x.npy", "tensor { dtype: \"FP32\" raw: \"\\000\\000\\200?\" }"},
      {"Any", "hello", "string_value: \"hello\""},
      {"Any", "3", "int_value: 3"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Text(Parse(c.type, c.text)), c.expected) << c.type << " " << c.text;
}

TEST(ParseInputTest, ImagesAreKnownByTheirFirstBytes) {
  v1::ArgumentSignature signature;
  signature.set_name("image");
  signature.set_type("Tensor");
  for (const std::string& content :
       {std::string("\xFF\xD8\xFF\xE0 jpeg"), std::string("\x89PNG\r\n\x1a\n png"),
        std::string("RIFF\1\1\1\1WEBPVP8 "), std::string("BM bitmap")}) {
    ASSERT_OK_AND_ASSIGN(const v1::Value value, ParseInput(signature, "@seven.xyz", [&](const std::string&) {
                           return absl::StatusOr<std::string>(content);
                         }));
    EXPECT_EQ(value.tensor().dtype(), "BYTES");
    EXPECT_TRUE(value.tensor().shape().empty());
    EXPECT_EQ(value.tensor().bytes_values(0), content);
  }
}

TEST(ParseInputTest, TheDeclaredDtypeCounts) {
  EXPECT_EQ(Text(Parse("Tensor", "[1]", "FP32")), "tensor { dtype: \"FP32\" shape: 1 float_values: 1 }");
}

TEST(ParseInputTest, ErrorsNameTheInput) {
  const struct {
    const char* type;
    const char* text;
    const char* message;
  } kCases[] = {
      {"int", "three", "input \"x\": expected int, got \"three\""},
      {"bool", "2", "input \"x\": expected bool, got \"2\""},
      {"Tensor", "[1,",
       "input \"x\": expected JSON, such as [[1, 2], [3, 4]], or @FILE; \"[1,\" is none from byte 4"},
      {"Tensor", "@bad.json", "is none from byte"},
      {"Tensor", "@prompt.txt",
       "\"prompt.txt\" is neither an image (JPEG, PNG, WebP, BMP) nor a .npy or .json file"},
      {"Tensor", "@list.npy", "no file list.npy"},
      {"str", "@latin1.txt", "\"\\xe9\" is not UTF-8"},
      {"str", "\xff", "is not UTF-8"},
  };
  for (const auto& c : kCases)
    EXPECT_THAT(Text(Parse(c.type, c.text)), HasSubstr(c.message)) << c.type << " " << c.text;
}

}  // namespace
}  // namespace modeld
