#include "daemon/probe/generated_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "daemon/codec/elements.h"
#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

DeclaredTensor Declared(const std::string& name, DType dtype, std::vector<int64_t> shape) {
  return {.name = name, .dtype = dtype, .shape = std::move(shape)};
}

const Tensor& TensorOf(const NamedValues& values, const std::string& name) {
  return *values.at(name).get_if<Tensor>();
}

TEST(GenerateInputsTest, FloatingPointNumbersAreOrdinary) {
  for (const DType dtype : {DType::kFp16, DType::kBf16, DType::kFp32, DType::kFp64}) {
    ASSERT_OK_AND_ASSIGN(const NamedValues values, GenerateInputs({Declared("x", dtype, {-1, 500})}, 2));
    const Tensor& x = TensorOf(values, "x");
    EXPECT_EQ(x.shape, (std::vector<int64_t>{2, 500}));
    double sum = 0;
    std::set<double> different;
    for (int64_t i = 0; i < 1000; ++i) {
      const double element = FloatingAt(x, i);
      ASSERT_GE(element, 0);
      ASSERT_LT(element, 1) << DTypeName(dtype);
      EXPECT_TRUE(element == 0 || element > 1e-8);
      sum += element;
      different.insert(element);
    }
    EXPECT_NEAR(sum / 1000, 0.5, 0.05) << DTypeName(dtype);
    EXPECT_GT(different.size(), 100u) << DTypeName(dtype);
  }
}

TEST(GenerateInputsTest, ComplexNumbersTooAndTheRestIsNothing) {
  ASSERT_OK_AND_ASSIGN(
      const NamedValues values,
      GenerateInputs({Declared("c", DType::kComplex64, {2}), Declared("i", DType::kInt32, {2}),
                      Declared("b", DType::kBool, {2}), Declared("s", DType::kBytes, {2})},
                     1));
  EXPECT_NE(ComplexAt(TensorOf(values, "c"), 0), ComplexAt(TensorOf(values, "c"), 1));
  EXPECT_EQ(IntegerAt(TensorOf(values, "i"), 1), 0);
  EXPECT_EQ(IntegerAt(TensorOf(values, "b"), 1), 0);
  EXPECT_EQ(TensorOf(values, "s").strings, (std::vector<std::string>{"", ""}));
}

TEST(GenerateInputsTest, TheSameAtEveryCall) {
  const std::vector<DeclaredTensor> declared = {Declared("x", DType::kFp32, {-1, 3})};
  ASSERT_OK_AND_ASSIGN(const NamedValues first, GenerateInputs(declared, 2));
  ASSERT_OK_AND_ASSIGN(const NamedValues second, GenerateInputs(declared, 2));
  EXPECT_EQ(Dump(first.at("x")), Dump(second.at("x")));
  EXPECT_NE(TensorOf(first, "x").buffer.data, TensorOf(second, "x").buffer.data);
}

TEST(GenerateInputsTest, OnlyALeadingUnknownSizeIsTheBatch) {
  const std::vector<DeclaredTensor> declared = {Declared("x", DType::kFp32, {-1, -1, 8}),
                                                Declared("m", DType::kBool, {4, -1})};
  EXPECT_EQ(DescribeInputs(declared, 16), "x FP32[16,1,8], m BOOL[4,1]");
}

TEST(GenerateInputsTest, ShapesThatOverflowOrAreHugeAreNotMade) {
  EXPECT_THAT(GenerateInputs({Declared("x", DType::kFp32, {int64_t{1} << 40, int64_t{1} << 40})}, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("overflow")));
  EXPECT_THAT(GenerateInputs({Declared("x", DType::kFp32, {-1, int64_t{1} << 28})}, 1),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("larger than 256 MiB, which is the limit of a warm-up")));
}

TEST(CanGenerateTest, EveryArgumentWithoutDefaultIsDeclaredInFull) {
  Argument flag = FakeArgument("flag", Type::Kind::kBool);
  const Method forward = FakeForward({FakeArgument("x"), flag});
  const std::vector<DeclaredTensor> declared = {Declared("x", DType::kFp32, {2})};
  EXPECT_FALSE(CanGenerate(forward, declared));
  flag.default_value = Value{true};
  EXPECT_TRUE(CanGenerate(FakeForward({FakeArgument("x"), flag}), declared));
  EXPECT_FALSE(CanGenerate(FakeForward({FakeArgument("x")}),
                           {{.name = "x", .dtype = DType::kFp32, .shape = std::nullopt}}));
  EXPECT_FALSE(
      CanGenerate(FakeForward({FakeArgument("x")}), {{.name = "x", .dtype = std::nullopt, .shape = {{1}}}}));
  EXPECT_TRUE(CanGenerate(FakeForward({}), {}));
}

}  // namespace
}  // namespace modeld
