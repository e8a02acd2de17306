#include "daemon/lifecycle/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/fake_engine.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DeclaredTensor Declared(const std::string& name, DType dtype, std::vector<int64_t> shape) {
  return {.name = name, .dtype = dtype, .shape = std::move(shape)};
}

class WarmUpTest : public ::testing::Test {
 protected:
  std::vector<std::string> Warm(std::vector<Argument> arguments, const std::vector<DeclaredTensor>& inputs,
                                const std::vector<int64_t>& batch_sizes = {1}) {
    RecordingExecutable executable({FakeForward(std::move(arguments))}, &runs_, run_);
    return WarmUp(executable, inputs, batch_sizes);
  }
  std::vector<std::string> runs_;
  RecordingExecutable::RunFn run_;
};

TEST_F(WarmUpTest, CallsThreeTimesForEachBatchSizeOnZeros) {
  run_ = [](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    const Tensor& x = *arguments[0].get_if<Tensor>();
    const std::string zeros(x.buffer.size, '\0');
    EXPECT_EQ(std::memcmp(x.buffer.data, zeros.data(), zeros.size()), 0);
    EXPECT_EQ(x.buffer.size, 4u * x.element_count());
    std::memset(x.buffer.data, 1, x.buffer.size);  // as a model that works in place
    return Value{};
  };
  EXPECT_THAT(Warm({FakeArgument("x")}, {Declared("x", DType::kFp32, {-1, -1, 8})}, {1, 16}), IsEmpty());
  EXPECT_THAT(runs_, ElementsAre("FP32[1,1,8]", "FP32[1,1,8]", "FP32[1,1,8]", "FP32[16,1,8]", "FP32[16,1,8]",
                                 "FP32[16,1,8]"));
}

TEST_F(WarmUpTest, StringsAreEmptyOnes) {
  Argument words = FakeArgument("words", Type::Kind::kList);
  words.type.params = {FakeArgument("", Type::Kind::kString).type};
  EXPECT_THAT(Warm({words}, {Declared("words", DType::kBytes, {-1})}, {2}), IsEmpty());
  EXPECT_THAT(runs_, ElementsAre("list of 2", "list of 2", "list of 2"));
}

TEST_F(WarmUpTest, ArgumentsWithADefaultMayBeLeftOut) {
  Argument flag = FakeArgument("flag", Type::Kind::kBool);
  flag.default_value = Value{true};
  EXPECT_THAT(Warm({FakeArgument("x"), flag}, {Declared("x", DType::kFp32, {2})}), IsEmpty());
  EXPECT_EQ(runs_.size(), 3u);
}

TEST_F(WarmUpTest, IsSkippedWhereAnArgumentIsNotFullyDeclared) {
  EXPECT_THAT(
      Warm({FakeArgument("x"), FakeArgument("flag", Type::Kind::kBool)}, {Declared("x", DType::kFp32, {2})}),
      IsEmpty());
  EXPECT_THAT(Warm({FakeArgument("x")}, {{.name = "x", .dtype = DType::kFp32, .shape = std::nullopt}}),
              IsEmpty());
  EXPECT_THAT(Warm({FakeArgument("x")}, {{.name = "x", .dtype = std::nullopt, .shape = {{1}}}}), IsEmpty());
  EXPECT_THAT(runs_, IsEmpty());
}

TEST_F(WarmUpTest, AModelWithoutArgumentsIsCalled) {
  EXPECT_THAT(Warm({}, {}), IsEmpty());
  EXPECT_EQ(runs_.size(), 3u);
}

TEST_F(WarmUpTest, AFailureNamesTheShapesAndTheOtherSizesAreStillTried) {
  run_ = [](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    if (arguments[0].get_if<Tensor>()->shape[0] == 4) return absl::InternalError("sizes do not match");
    return Value{};
  };
  EXPECT_THAT(Warm({FakeArgument("x"), FakeArgument("mask")},
                   {Declared("x", DType::kFp32, {-1, 3}), Declared("mask", DType::kBool, {-1})}, {4, 2}),
              ElementsAre("warm-up failed on zeros for x FP32[4,3], mask BOOL[4]: sizes do not match"));
  EXPECT_EQ(runs_.size(), 4u);
}

TEST_F(WarmUpTest, ShapesThatOverflowOrAreHugeAreNotTried) {
  const std::vector<std::string> warnings =
      Warm({FakeArgument("x")}, {Declared("x", DType::kFp32, {-1, int64_t{1} << 40, int64_t{1} << 40})});
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(Warm({FakeArgument("x")}, {Declared("x", DType::kFp32, {-1, int64_t{1} << 28})}),
              ElementsAre(HasSubstr("larger than 256 MiB, which is the limit of a warm-up")));
  EXPECT_THAT(runs_, IsEmpty());
}

}  // namespace
}  // namespace modeld
