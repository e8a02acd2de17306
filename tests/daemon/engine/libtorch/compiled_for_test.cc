#include "daemon/engine/libtorch/compiled_for.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::IsEmpty;

// As PyTorch 2.13 writes it, for a tensor of FP32[2 to 64, 4] and one of INT64[3 to 7].
constexpr char kSource[] = R"(
    if (arg4_1_expected_dtype != arg4_1_dtype) {
        std::stringstream ss;
        ss << "input_handles[0]: unmatched dtype, "
           << "expected: " << arg4_1_expected_dtype << "(at::kFloat), "
           << "but got: " << arg4_1_dtype << "\n";
        throw std::runtime_error(std::move(ss).str());
    }
    if (arg4_1_size[0] < 2) {
        ss << "input_handles[0]: dim value is too small at 0, "
           << "expected it to be >= 2, " << "but got: "
           << arg4_1_size[0] << "\n";
    }
    if (arg4_1_size[0] > 64) {
        ss << "input_handles[0]: dim value is too large at 0, "
           << "expected to be <= 64, " << "but got: "
           << arg4_1_size[0] << "\n";
    }
    if (4 != arg4_1_size[1]) {
        ss << "input_handles[0]: unmatched dim value at 1, "
           << "expected: 4, " << "but got: " << arg4_1_size[1]
           << "\n";
    }
    if (4 != arg4_1_stride[0]) {
        ss << "input_handles[0]: unmatched stride value at 0, "
           << "expected: 9, " << "but got: " << arg4_1_stride[0]
           << "\n";
    }
        ss << "input_handles[1]: unmatched dtype, " << "expected: " << x << "(at::kLong), " << "but got: ";
        ss << "input_handles[1]: dim value is too small at 0, " << "expected it to be >= 3, " << "but got: ";
        ss << "input_handles[1]: dim value is too large at 0, " << "expected to be <= 7, " << "but got: ";
)";

KnownInput Known(DType dtype, std::vector<int64_t> shape, bool always = true) {
  return {.name = "x", .dtype = dtype, .shape = std::move(shape), .always = always};
}

TEST(CompiledForTest, IsReadFromTheChecksOfTheSource) {
  const std::vector<CompiledInput> inputs = CompiledInputs(kSource);
  ASSERT_EQ(inputs.size(), 2u);
  const auto came = [&](int i, DType dtype, std::vector<int64_t> shape) {
    return Contradiction(inputs[i], Zeros(dtype, std::move(shape)));
  };
  EXPECT_EQ(came(0, DType::kFp32, {64, 4}), "");
  EXPECT_EQ(came(0, DType::kFp32, {1, 4}), "") << "of a dynamic size 1 is let through";
  EXPECT_EQ(came(0, DType::kFp32, {0, 4}), "dimension 0 is 0, not at least 1");
  EXPECT_EQ(came(0, DType::kFp32, {65, 4}), "dimension 0 is 65, not at most 64");
  EXPECT_EQ(came(0, DType::kFp32, {2, 3}), "dimension 1 is 3, not 4");
  EXPECT_EQ(came(0, DType::kFp32, {2}), "rank is 1, not 2");
  EXPECT_EQ(came(0, DType::kFp64, {2, 4}), "dtype is FP64, not FP32");
  EXPECT_EQ(came(1, DType::kInt64, {3}), "");
  EXPECT_EQ(came(1, DType::kInt64, {2}), "dimension 0 is 2, not at least 3");
}

TEST(CompiledForTest, IsHeldAgainstWhatIsKnown) {
  const CompiledInput input = CompiledInputs(kSource).front();
  EXPECT_EQ(Contradiction(input, Known(DType::kFp32, {-1, 4})), "");
  EXPECT_EQ(Contradiction(input, Known(DType::kFp32, {8, 4})), "");
  EXPECT_EQ(Contradiction(input, Known(DType::kFp32, {-1, -1})),
            "dimension 1 may not be of any size, it is 4");
  EXPECT_EQ(Contradiction(input, Known(DType::kFp32, {-1, -1}, /*always=*/false)), "");
  EXPECT_EQ(Contradiction(input, Known(DType::kFp32, {100, 4})), "dimension 0 is 100, not at most 64");
  EXPECT_EQ(Contradiction(input, Known(DType::kInt64, {-1, 4})), "dtype is INT64, not FP32");
}

TEST(CompiledForTest, ThreadsAreLimitedByTheSmallestArrayOfTheirResults) {
  EXPECT_EQ(MostThreads("float tmp_acc0_arr[16];\nat::vec::Vectorized<float> tmp_acc1_arr[4];\n"
                        "tmp_acc0_arr[tid] = tmp_acc0_local;"),
            4);
  EXPECT_EQ(MostThreads("#pragma omp parallel\nx_arr[tid] = 1; y_arr["), std::nullopt);
}

TEST(CompiledForTest, OtherTextsSayNothing) {
  for (const char* text :
       {"", "int main() {}", "\"input_handles[\"", "\"input_handles[99999999999999999999]: x\";",
        "\"input_handles[5000000]: unmatched dim value at 0, expected: 1\";"}) {
    EXPECT_THAT(CompiledInputs(text), IsEmpty()) << text;
  }
  EXPECT_EQ(
      Contradiction(CompiledInputs("\"input_handles[0]: of a new kind\";").front(), Zeros(DType::kFp32, {1})),
      "");
}

}  // namespace
}  // namespace modeld
