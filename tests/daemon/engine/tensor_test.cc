#include "daemon/engine/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

struct CountCase {
  std::vector<int64_t> shape;
  DType dtype;
  int64_t count;
};

TEST(ElementCountTest, MultipliesDimensions) {
  const std::vector<CountCase> cases = {
      {{}, DType::kFp32, 1},         {{0}, DType::kFp32, 0},
      {{2, 3, 4}, DType::kFp32, 24}, {{5, 0, 7}, DType::kComplex128, 0},
      {{kMax}, DType::kBool, kMax},  {{kMax / 8}, DType::kInt64, kMax / 8},
      {{kMax}, DType::kBytes, kMax},
  };
  for (const CountCase& c : cases) {
    const absl::StatusOr<int64_t> count = ElementCount(c.shape, c.dtype);
    ASSERT_OK(count) << TensorSummary(c.dtype, c.shape);
    EXPECT_EQ(*count, c.count) << TensorSummary(c.dtype, c.shape);
  }
}

struct BadShapeCase {
  std::vector<int64_t> shape;
  DType dtype;
  std::string message;
};

TEST(ElementCountTest, RefusesWhatNoTensorCanHave) {
  const std::vector<BadShapeCase> cases = {
      {{2, -1}, DType::kFp32, "negative dimension in shape of FP32[2,-1]"},
      {{0, -5}, DType::kFp32, "negative dimension in shape of FP32[0,-5]"},
      {{int64_t{1} << 32, int64_t{1} << 31},
       DType::kBool,
       "number of elements of BOOL[4294967296,2147483648] overflows"},
      {{int64_t{1} << 60}, DType::kInt64, "number of bytes of INT64[1152921504606846976] overflows"},
      // A dimension of zero does not make the others harmless: strides multiply them.
      {{0, kMax, 2}, DType::kBool, "number of elements of BOOL[0,9223372036854775807,2] overflows"},
  };
  for (const BadShapeCase& c : cases) {
    EXPECT_THAT(ElementCount(c.shape, c.dtype), StatusIs(absl::StatusCode::kInvalidArgument, c.message));
  }
}

TEST(TensorTest, CountsElements) {
  EXPECT_EQ(Tensor{}.element_count(), 1);
  EXPECT_EQ((Tensor{DType::kFp32, {2, 3}, {}, {}}.element_count()), 6);
  EXPECT_EQ((Tensor{DType::kFp32, {2, 0}, {}, {}}.element_count()), 0);
}

TEST(TensorSummaryTest, NamesDtypeAndShape) {
  EXPECT_EQ(TensorSummary(DType::kFp32, {2, 3}), "FP32[2,3]");
  EXPECT_EQ(TensorSummary(DType::kInt8, {}), "INT8[]");
}

TEST(BufferTest, AStringIsTakenOverNotCopied) {
  std::string bytes(1000, 'x');
  const void* const before = bytes.data();
  const Buffer buffer = Buffer::FromString(std::move(bytes));
  EXPECT_EQ(buffer.data, before);
  EXPECT_EQ(buffer.size, 1000u);
}

TEST(BufferTest, AShortStringStaysValidAfterCopies) {
  Buffer copy;
  {
    const Buffer buffer = Buffer::FromString("abc");
    copy = buffer;
  }
  EXPECT_EQ(std::string(static_cast<const char*>(copy.data), copy.size), "abc");
}

TEST(BufferTest, AllocationsAreAligned) {
  for (const size_t size : {0, 1, 63, 4096}) {
    const Buffer buffer = Buffer::Allocate(size);
    EXPECT_EQ(buffer.size, size);
    EXPECT_NE(buffer.data, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data) % 64, 0u);
  }
}

}  // namespace
}  // namespace modeld
