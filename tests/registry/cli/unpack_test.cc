#include "registry/cli/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "clients/cpp/tensor.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::Tensor Unpacked(v1::Value value) {
  EXPECT_OK(UnpackTensors(value));
  return value.tensor();
}

TEST(UnpackTest, TypedFields) {
  EXPECT_THAT(Unpacked(MakeTensor<bool>({2}, {true, false})).bool_values(), ElementsAre(true, false));
  EXPECT_THAT(Unpacked(MakeTensor<int8_t>({1}, {-1})).int_values(), ElementsAre(-1));
  EXPECT_THAT(Unpacked(MakeTensor<uint32_t>({1}, {0xffffffffu})).int_values(), ElementsAre(4294967295));
  EXPECT_THAT(Unpacked(MakeTensor<uint64_t>({1}, {~0ull})).uint_values(), ElementsAre(~0ull));
  EXPECT_THAT(Unpacked(MakeTensor<float>({1}, {2.5f})).float_values(), ElementsAre(2.5f));
  EXPECT_THAT(Unpacked(MakeTensor<double>({1}, {2.5})).double_values(), ElementsAre(2.5));
  EXPECT_THAT(Unpacked(MakeBytesTensor({1}, {std::string("a")})).bytes_values(), ElementsAre("a"));
  EXPECT_EQ(Unpacked(MakeTensor<float>({1}, {2.5f})).raw(), "");
  EXPECT_EQ(Unpacked(MakeTensor<std::complex<float>>({1}, {{1, 2}})).raw().size(), 8u);
}

TEST(UnpackTest, ShortFloats) {
  v1::Value value;
  value.mutable_tensor()->set_dtype("FP16");
  value.mutable_tensor()->add_shape(2);
  value.mutable_tensor()->set_raw(std::string("\x00\x3e\x00\xc0", 4));
  EXPECT_THAT(Unpacked(value).float_values(), ElementsAre(1.5f, -2.0f));
  value.mutable_tensor()->set_dtype("BF16");
  value.mutable_tensor()->set_raw(std::string("\xc0\x3f\x00\xc0", 4));
  EXPECT_THAT(Unpacked(value).float_values(), ElementsAre(1.5f, -2.0f));
}

TEST(UnpackTest, TensorsInsideOtherValues) {
  v1::Value value;
  *value.mutable_list()->add_items() = MakeTensor<float>({1}, {1});
  *value.mutable_list()->add_items()->mutable_tuple()->add_items() = MakeTensor<float>({1}, {2});
  *value.mutable_list()->add_items()->mutable_dict()->add_entries()->mutable_value() =
      MakeTensor<float>({1}, {3});
  ASSERT_OK(UnpackTensors(value));
  EXPECT_THAT(value.list().items(0).tensor().float_values(), ElementsAre(1));
  EXPECT_THAT(value.list().items(1).tuple().items(0).tensor().float_values(), ElementsAre(2));
  EXPECT_THAT(value.list().items(2).dict().entries(0).value().tensor().float_values(), ElementsAre(3));
}

TEST(UnpackTest, BytesThatDoNotFitTheShapeAreAnError) {
  for (const char* dtype : {"FP32", "FP16", "BYTES", "COMPLEX64", "BOOL", "FP8"}) {
    v1::Value value;
    value.mutable_tensor()->set_dtype(dtype);
    value.mutable_tensor()->add_shape(2);
    value.mutable_tensor()->set_raw("abc");
    EXPECT_THAT(UnpackTensors(value), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(dtype)));
  }
}

TEST(HalfToFloatTest, EveryKindOfNumber) {
  EXPECT_EQ(HalfToFloat(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_EQ(HalfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(HalfToFloat(0xbc00), -1.0f);
  EXPECT_EQ(HalfToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(HalfToFloat(0x0400), 0x1p-14f);  // smallest normal
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24f);  // smallest subnormal
  EXPECT_EQ(HalfToFloat(0x83ff), -1023 * 0x1p-24f);
  EXPECT_EQ(HalfToFloat(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7e00)));
}

}  // namespace
}  // namespace modeld
