#include "clients/cpp/classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "clients/cpp/tensor.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::vector<int64_t>> Indices(const v1::Value& scores, int64_t k = 100) {
  const absl::StatusOr<std::vector<std::vector<ScoredClass>>> rows = TopK(scores, k);
  EXPECT_OK(rows);
  std::vector<std::vector<int64_t>> indices;
  for (const std::vector<ScoredClass>& row : rows.value_or(std::vector<std::vector<ScoredClass>>())) {
    indices.emplace_back();
    for (const ScoredClass& entry : row) indices.back().push_back(entry.index);
  }
  return indices;
}

v1::Value Bits(const char* dtype, const std::vector<uint16_t>& bits) {
  v1::Value value = MakeTensor<uint16_t>({static_cast<int64_t>(bits.size())}, bits);
  value.mutable_tensor()->set_dtype(dtype);
  return value;
}

TEST(TopK, LabelsIndicesAndValues) {
  const v1::Value scores = MakeTensor<float>({2, 3}, {0.25, 0.75, 0.5, 3, 1, 2});
  const std::vector<std::string> labels = {"cat", "dog"};
  ASSERT_OK_AND_ASSIGN(const auto rows, TopK(scores, 2, labels));
  EXPECT_THAT(rows, ElementsAre(ElementsAre(ScoredClass{"dog", 1, 0.75}, ScoredClass{"", 2, 0.5}),
                                ElementsAre(ScoredClass{"cat", 0, 3}, ScoredClass{"", 2, 2})));
}

TEST(TopK, TheEarlierAmongEqualsAndNanLast) {
  const double nan = std::nan("");
  EXPECT_THAT(Indices(MakeTensor<double>({5}, {1, 3, 3, 2, 3})), ElementsAre(ElementsAre(1, 2, 4, 3, 0)));
  EXPECT_THAT(Indices(MakeTensor<double>({3}, {0.0, -0.0, 0.0})), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_THAT(Indices(MakeTensor<double>({4}, {nan, 1, nan, 2})), ElementsAre(ElementsAre(3, 1, 0, 2)));
  EXPECT_THAT(Indices(MakeTensor<float>({2}, {NAN, NAN})), ElementsAre(ElementsAre(0, 1)));
}

TEST(TopK, IntegersInTheirOwnOrder) {
  constexpr int64_t kLow = std::numeric_limits<int64_t>::min(), kHigh = std::numeric_limits<int64_t>::max();
  // As doubles the two highest are the same.
  EXPECT_THAT(Indices(MakeTensor<int64_t>({4}, {kLow, kHigh - 1, kHigh, 0})),
              ElementsAre(ElementsAre(2, 1, 3, 0)));
  EXPECT_THAT(Indices(MakeTensor<uint64_t>({3}, {0, ~uint64_t{0}, 7})), ElementsAre(ElementsAre(1, 2, 0)));
  EXPECT_THAT(Indices(MakeTensor<int8_t>({3}, {-128, 127, 0})), ElementsAre(ElementsAre(1, 2, 0)));
  EXPECT_THAT(Indices(MakeTensor<uint8_t>({3}, {1, 255, 0})), ElementsAre(ElementsAre(1, 0, 2)));
}

TEST(TopK, HalvesAreWidened) {
  // 1, NaN, 2.5, the smallest half, -infinity
  ASSERT_OK_AND_ASSIGN(const auto halves, TopK(Bits("FP16", {0x3c00, 0x7e00, 0x4100, 0x0001, 0xfc00}), 5));
  ASSERT_EQ(halves.size(), 1);
  EXPECT_EQ(halves[0][0], (ScoredClass{"", 2, 2.5}));
  EXPECT_EQ(halves[0][1], (ScoredClass{"", 0, 1}));
  EXPECT_EQ(halves[0][2], (ScoredClass{"", 3, 0x1p-24}));
  EXPECT_EQ(halves[0][3].index, 4);
  EXPECT_EQ(halves[0][4].index, 1);
  ASSERT_OK_AND_ASSIGN(const auto brains, TopK(Bits("BF16", {0x3f80, 0x7fc0, 0x4020}), 1));
  EXPECT_THAT(brains, ElementsAre(ElementsAre(ScoredClass{"", 2, 2.5})));
}

TEST(TopK, RowsOfAnyNumberOfDimensions) {
  EXPECT_THAT(Indices(MakeTensor<int32_t>({2, 2, 2}, {1, 2, 4, 3, 5, 6, 8, 7}), 1),
              ElementsAre(ElementsAre(1), ElementsAre(0), ElementsAre(1), ElementsAre(0)));
  EXPECT_THAT(Indices(MakeTensor<float>({0, 4}, {})), IsEmpty());
  EXPECT_THAT(Indices(MakeTensor<float>({0, int64_t{1} << 60}, {})), IsEmpty());
  EXPECT_THAT(Indices(MakeTensor<float>({2, 0}, {})), ElementsAre(IsEmpty(), IsEmpty()));
}

TEST(TopK, WhatHasNoClassesIsRefused) {
  const auto refused = [](auto message) { return StatusIs(absl::StatusCode::kInvalidArgument, message); };
  EXPECT_THAT(TopK(v1::Value(), 1), refused(HasSubstr("another kind of value")));
  EXPECT_THAT(TopK(MakeTensor<bool>({1}, {true}), 1), refused(HasSubstr("got BOOL[1]")));
  EXPECT_THAT(TopK(MakeTensor<float>({}, {1}), 1), refused(HasSubstr("no dimension")));
  EXPECT_THAT(TopK(MakeTensor<float>({3}, {1}), 1), refused(HasSubstr("do not fit the shape")));
  EXPECT_THAT(TopK(MakeTensor<float>({1}, {1}), 0), refused(HasSubstr("k is 0")));
  EXPECT_THAT(TopK(MakeTensor<float>({int64_t{1} << 60, 0}, {}), 1), refused(HasSubstr("without classes")));
  v1::Value half = Bits("FP16", {0x3c00});
  half.mutable_tensor()->mutable_raw()->push_back('x');
  EXPECT_THAT(TopK(half, 1), refused(HasSubstr("FP16[1] with 3 bytes")));
}

}  // namespace
}  // namespace modeld
