#include "daemon/engine/dtype.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

struct DTypeCase {
  DType dtype;
  std::string_view name;
  size_t item_size;
};

class DTypeTest : public testing::TestWithParam<DTypeCase> {};

TEST_P(DTypeTest, NameAndSize) {
  const auto& [dtype, name, item_size] = GetParam();
  EXPECT_EQ(DTypeName(dtype), name);
  EXPECT_EQ(DTypeFromName(name), dtype);
  EXPECT_EQ(ItemSize(dtype), item_size);
}

INSTANTIATE_TEST_SUITE_P(
    All, DTypeTest,
    testing::Values(DTypeCase{DType::kBool, "BOOL", 1}, DTypeCase{DType::kInt8, "INT8", 1},
                    DTypeCase{DType::kInt16, "INT16", 2}, DTypeCase{DType::kInt32, "INT32", 4},
                    DTypeCase{DType::kInt64, "INT64", 8}, DTypeCase{DType::kUint8, "UINT8", 1},
                    DTypeCase{DType::kUint16, "UINT16", 2}, DTypeCase{DType::kUint32, "UINT32", 4},
                    DTypeCase{DType::kUint64, "UINT64", 8}, DTypeCase{DType::kFp16, "FP16", 2},
                    DTypeCase{DType::kBf16, "BF16", 2}, DTypeCase{DType::kFp32, "FP32", 4},
                    DTypeCase{DType::kFp64, "FP64", 8}, DTypeCase{DType::kComplex64, "COMPLEX64", 8},
                    DTypeCase{DType::kComplex128, "COMPLEX128", 16}, DTypeCase{DType::kBytes, "BYTES", 0}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(DTypeFromNameTest, KnowsOnlyTheExactNames) {
  for (const std::string_view name : {"", "fp32", "FLOAT", "FP3", "FP32 "}) {
    EXPECT_EQ(DTypeFromName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace modeld
