#include "daemon/http/json_writer.h"

#include <gmock/gmock.h>

#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "daemon/http/element_parser.h"
#include "inference/grpc_service.pb.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::HasSubstr;

template <typename T>
std::string Raw(const std::vector<T>& elements) {
  return {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)};
}

std::string Written(DType dtype, const std::string& raw) {
  std::string json;
  EXPECT_OK(AppendJsonElements(dtype, raw, &json));
  return json;
}

TEST(JsonWriterTest, NumbersAreExact) {
  EXPECT_EQ(Written(DType::kInt64, Raw<int64_t>({std::numeric_limits<int64_t>::min(), 9007199254740993})),
            "-9223372036854775808,9007199254740993");
  EXPECT_EQ(Written(DType::kUint64, Raw<uint64_t>({std::numeric_limits<uint64_t>::max()})),
            "18446744073709551615");
  EXPECT_EQ(Written(DType::kUint8, Raw<uint8_t>({0, 255})), "0,255");
  EXPECT_EQ(Written(DType::kBool, std::string("\0\1", 2)), "false,true");
  EXPECT_EQ(Written(DType::kFp32, Raw<float>({0.1F, -0.0F, 1, 1e30F})), "0.1,-0.0,1.0,1e+30");
}

TEST(JsonWriterTest, FloatsComeBackWithTheSameBits) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto bits = static_cast<uint32_t>(random());
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isfinite(value)) continue;
    const std::string raw = Raw<float>({value}), json = Written(DType::kFp32, raw);
    std::string back;
    JsonReader reader(json);
    ASSERT_TRUE(ReadElement(reader, DType::kFp32, &back)) << json;
    ASSERT_EQ(back, raw) << json;
    // And so for clients that read doubles.
    ASSERT_EQ(static_cast<float>(std::strtod(json.c_str(), nullptr)), value) << json;
  }
}

TEST(JsonWriterTest, WhatJsonDoesNotHaveIsRefusedWithTheRemedy) {
  std::string json;
  EXPECT_THAT(AppendJsonElements(DType::kFp32, Raw<float>({std::nanf("")}), &json),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("binary data")));
  EXPECT_THAT(AppendJsonElements(DType::kFp64, Raw<double>({std::numeric_limits<double>::infinity()}), &json),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("infinity")));
  EXPECT_THAT(AppendJsonElements(DType::kBf16, "12", &json),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("BF16")));
  std::string bytes;
  AppendBytesElement("\xff", &bytes);
  EXPECT_THAT(AppendJsonElements(DType::kBytes, bytes, &json),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("UTF-8")));
}

TEST(JsonWriterTest, ShapesBecomeNestedArrays) {
  std::string json;
  ASSERT_OK(AppendJsonNested(DType::kInt8, {2, 1, 2}, "\1\2\3\4", &json));
  EXPECT_EQ(json, "[[[1,2]],[[3,4]]]");
  json.clear();
  ASSERT_OK(AppendJsonNested(DType::kInt8, {2, 0}, "", &json));
  EXPECT_EQ(json, "[[],[]]");
  json.clear();
  ASSERT_OK(AppendJsonNested(DType::kInt8, {}, "\5", &json));
  EXPECT_EQ(json, "5");
  std::string bytes;
  for (const char* const text : {"a", "", "c\"\x01"}) AppendBytesElement(text, &bytes);
  json.clear();
  ASSERT_OK(AppendJsonNested(DType::kBytes, {3, 1}, bytes, &json));
  EXPECT_EQ(json, R"([["a"],[""],["c\"\u0001"]])");
}

TEST(JsonWriterTest, MessagesHaveNumbersAsNumbers) {
  inference::ModelMetadataResponse metadata;
  metadata.set_name("m");
  metadata.add_versions("1");
  auto* const input = metadata.add_inputs();
  input->set_name("x");
  input->add_shape(-1);
  std::string json;
  AppendJsonMessage(metadata, &json);
  EXPECT_EQ(
      json,
      R"({"name":"m","versions":["1"],"platform":"","inputs":[{"name":"x","datatype":"","shape":[-1]}],)"
      R"("outputs":[]})");
}

}  // namespace
}  // namespace modeld
