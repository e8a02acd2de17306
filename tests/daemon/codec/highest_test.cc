#include "daemon/codec/highest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename T>
Tensor TensorOf(DType dtype, const std::vector<T>& elements) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = {static_cast<int64_t>(elements.size())};
  tensor.buffer = Buffer::Allocate(elements.size() * sizeof(T));
  if (!elements.empty()) std::memcpy(tensor.buffer.data, elements.data(), tensor.buffer.size);
  return tensor;
}

TEST(HighestTest, PlacesAreWithinTheirRow) {
  const Tensor tensor = TensorOf<float>(DType::kFp32, {9, 8, 7, 1, 3, 2});
  EXPECT_THAT(HighestOf(tensor, 3, 3, 2), ElementsAre(1, 2));
  EXPECT_THAT(HighestOf(tensor, 0, 3, 3), ElementsAre(0, 1, 2));
}

TEST(HighestTest, OfEqualOnesTheFirstComesFirst) {
  EXPECT_THAT(HighestOf(TensorOf<int32_t>(DType::kInt32, {1, 5, 1, 5}), 0, 4, 4), ElementsAre(1, 3, 0, 2));
}

TEST(HighestTest, NanIsTheLowest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(HighestOf(TensorOf<double>(DType::kFp64, {nan, -infinity, nan, 0}), 0, 4, 4),
              ElementsAre(3, 1, 0, 2));
}

TEST(HighestTest, UnsignedOnesAreNotTakenForNegative) {
  const uint64_t highest = std::numeric_limits<uint64_t>::max();
  EXPECT_THAT(HighestOf(TensorOf<uint64_t>(DType::kUint64, {1, highest, 2}), 0, 3, 2), ElementsAre(1, 2));
}

TEST(HighestTest, IntegersThatDoublesCannotTellApartKeepTheirOrder) {
  const int64_t large = int64_t{1} << 62;
  EXPECT_THAT(HighestOf(TensorOf<int64_t>(DType::kInt64, {large, large + 1, -large - 1, -large}), 0, 4, 4),
              ElementsAre(1, 0, 3, 2));
  const uint64_t highest = std::numeric_limits<uint64_t>::max();
  EXPECT_THAT(HighestOf(TensorOf<uint64_t>(DType::kUint64, {highest - 1, highest}), 0, 2, 2),
              ElementsAre(1, 0));
}

TEST(HighestTest, NoneMayBeWanted) {
  EXPECT_THAT(HighestOf(TensorOf<int8_t>(DType::kInt8, {1, 2}), 0, 2, 0), IsEmpty());
  EXPECT_THAT(HighestOf(TensorOf<int8_t>(DType::kInt8, {}), 0, 0, 0), IsEmpty());
}

}  // namespace
}  // namespace modeld
