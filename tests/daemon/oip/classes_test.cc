#include "daemon/oip/classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "messages.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Tensor TensorOf(const std::string& dtype, std::vector<int64_t> shape, std::string raw) {
  v1::Tensor tensor;
  tensor.set_dtype(dtype);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_raw(std::move(raw));
  return tensor;
}

std::vector<std::string> Texts(const v1::Tensor& tensor) {
  std::vector<std::string> texts;
  for (size_t at = 0; at < tensor.raw().size();) {
    uint32_t length;
    std::memcpy(&length, tensor.raw().data() + at, sizeof(length));
    texts.push_back(tensor.raw().substr(at + sizeof(length), length));
    at += sizeof(length) + length;
  }
  return texts;
}

TEST(ClassesTest, TheHighestOfEachRowComeFirst) {
  ASSERT_OK_AND_ASSIGN(
      const v1::Tensor classes,
      ClassesOf(TensorOf("FP32", {2, 3}, RawOf<float>({0.25, 0.5, 0.125, -1, -2, 7})), 2, {"cat", "dog"}));
  EXPECT_EQ(classes.dtype(), "BYTES");
  EXPECT_THAT(classes.shape(), ElementsAre(2, 2));
  EXPECT_THAT(Texts(classes),
              ElementsAre("0.500000:1:dog", "0.250000:0:cat", "7.000000:2", "-1.000000:0:cat"));
}

TEST(ClassesTest, NoMoreThanThereAre) {
  ASSERT_OK_AND_ASSIGN(const v1::Tensor classes,
                       ClassesOf(TensorOf("INT64", {2}, RawOf<int64_t>({-5, 12})), 99, {}));
  EXPECT_THAT(classes.shape(), ElementsAre(2));
  EXPECT_THAT(Texts(classes), ElementsAre("12:1", "-5:0"));
}

TEST(ClassesTest, OfEqualOnesTheEarlierComesFirstAndNanLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  ASSERT_OK_AND_ASSIGN(const v1::Tensor classes,
                       ClassesOf(TensorOf("FP32", {4}, RawOf<float>({nan, 1, 1, -1})), 4, {}));
  EXPECT_THAT(Texts(classes), ElementsAre("1.000000:1", "1.000000:2", "-1.000000:3", HasSubstr(":0")));
}

TEST(ClassesTest, HalvesAreNumbersToo) {
  ASSERT_OK_AND_ASSIGN(const v1::Tensor classes,
                       ClassesOf(TensorOf("FP16", {2}, RawOf<uint16_t>({0x3c00, 0x4000})), 1, {}));
  EXPECT_THAT(Texts(classes), ElementsAre("2.000000:1"));
  ASSERT_OK_AND_ASSIGN(const v1::Tensor bfloats,
                       ClassesOf(TensorOf("BF16", {2}, RawOf<uint16_t>({0x4040, 0x3f80})), 1, {}));
  EXPECT_THAT(Texts(bfloats), ElementsAre("3.000000:0"));
}

TEST(ClassesTest, IntegersAreWrittenInFull) {
  ASSERT_OK_AND_ASSIGN(
      const v1::Tensor classes,
      ClassesOf(TensorOf("INT64", {2}, RawOf<int64_t>({4611686018427387904, 4611686018427387905})), 2, {}));
  EXPECT_THAT(Texts(classes), ElementsAre("4611686018427387905:1", "4611686018427387904:0"));
  ASSERT_OK_AND_ASSIGN(const v1::Tensor of_unsigned,
                       ClassesOf(TensorOf("UINT64", {1}, RawOf<uint64_t>({18446744073709551615u})), 1, {}));
  EXPECT_THAT(Texts(of_unsigned), ElementsAre("18446744073709551615:0"));
}

TEST(ClassesTest, EmptyRowsHaveNone) {
  ASSERT_OK_AND_ASSIGN(const v1::Tensor classes, ClassesOf(TensorOf("FP32", {3, 0}, ""), 2, {}));
  EXPECT_THAT(classes.shape(), ElementsAre(3, 0));
  EXPECT_EQ(classes.raw(), "");
}

TEST(ClassesTest, WhatHasNoOrderIsAnError) {
  EXPECT_THAT(ClassesOf(TensorOf("BYTES", {1}, RawOf<uint32_t>({0})), 1, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BYTES")));
  EXPECT_THAT(ClassesOf(TensorOf("BOOL", {1}, std::string(1, '\1')), 1, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BOOL")));
  EXPECT_THAT(ClassesOf(TensorOf("FP32", {}, RawOf<float>({1})), 1, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without dimensions")));
}

}  // namespace
}  // namespace modeld
