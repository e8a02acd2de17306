#include "daemon/probe/check_batching.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// x: FP32[-1, 2], of which the model makes what the test says.
class CheckBatchingTest : public ::testing::Test {
 protected:
  absl::Status Check(const RecordingExecutable::RunFn& run) {
    RecordingExecutable executable({FakeForward({FakeArgument("x")})}, &runs_, run);
    return CheckBatching(executable, {.inputs = inputs_, .outputs = outputs_}, {.rtol = 1e-4, .atol = 1e-5},
                         may_fail_);
  }
  static std::vector<int64_t> Shape(const Value& value) { return value.get_if<Tensor>()->shape; }

  std::vector<DeclaredTensor> inputs_ = {
      {.name = "x", .dtype = DType::kFp32, .shape = std::vector<int64_t>{-1, 2}}};
  std::vector<DeclaredTensor> outputs_;
  std::vector<std::string> runs_;
  bool may_fail_ = true;
};

TEST_F(CheckBatchingTest, RowsThatAreTheirOwnPass) {
  EXPECT_OK(Check([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    return Value{FloatTensor(Shape(arguments[0]), ElementsOf<float>(arguments[0]))};
  }));
  EXPECT_THAT(runs_, ElementsAre("FP32[3,2]", "FP32[2,2]", "FP32[1,2]"));
}

TEST_F(CheckBatchingTest, RowsThatDependOnTheOthersDoNot) {
  EXPECT_THAT(Check([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
                std::vector<float> elements = ElementsOf<float>(arguments[0]);
                float sum = 0;
                for (const float element : elements) sum += element;
                for (float& element : elements) element /= sum;
                return Value{FloatTensor(Shape(arguments[0]), elements)};
              }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("otherwise in a batch than alone"), HasSubstr("output["))));
}

TEST_F(CheckBatchingTest, OutputsThatAreNotRowsDoNot) {
  EXPECT_THAT(
      Check([](const std::vector<Value>&) -> absl::StatusOr<Value> { return Value{FloatTensor({1}, {1})}; }),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot be taken apart")));
  EXPECT_THAT(Check([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
                return ListOf({arguments[0]});
              }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("list of 1")));
}

TEST_F(CheckBatchingTest, RowsOfIntegersThatAreMixedUpAreSeen) {
  inputs_[0].dtype = DType::kInt64;
  EXPECT_THAT(Check([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
                const Tensor& x = *arguments[0].get_if<Tensor>();
                std::vector<int64_t> elements = ElementsOf<int64_t>(arguments[0]);
                std::rotate(elements.begin(), elements.begin() + 2, elements.end());  // a row further
                return Value{IntTensor(x.shape, elements)};
              }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("otherwise in a batch than alone")));
}

TEST_F(CheckBatchingTest, AModelWithASingleIndexIsTriedOnZeros) {
  inputs_[0].dtype = DType::kInt64;
  EXPECT_OK(Check([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    const Tensor& x = *arguments[0].get_if<Tensor>();
    const std::vector<int64_t> elements = ElementsOf<int64_t>(arguments[0]);
    for (const int64_t element : elements) {
      if (element != 0) return absl::InternalError("index out of range");
    }
    return Value{IntTensor(x.shape, elements)};
  }));
}

// On a GPU an index out of range ends the process's use of it.
TEST_F(CheckBatchingTest, WhereARunMustNotFailOnlyZerosAreTried) {
  inputs_[0].dtype = DType::kInt64;
  may_fail_ = false;
  EXPECT_OK(Check([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    const Tensor& x = *arguments[0].get_if<Tensor>();
    const std::vector<int64_t> elements = ElementsOf<int64_t>(arguments[0]);
    EXPECT_EQ(elements, std::vector<int64_t>(elements.size(), 0));
    return Value{IntTensor(x.shape, elements)};
  }));
  EXPECT_THAT(runs_, ElementsAre("INT64[3,2]", "INT64[2,2]", "INT64[1,2]"));
}

// The sum of two runs would hide it.
TEST_F(CheckBatchingTest, AModelThatWorksInPlaceIsGivenInputsOfItsOwn) {
  EXPECT_OK(Check([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    const Tensor& x = *arguments[0].get_if<Tensor>();
    std::vector<float> elements = ElementsOf<float>(arguments[0]);
    std::memset(x.buffer.data, 0, x.buffer.size);
    return Value{FloatTensor(x.shape, elements)};
  }));
}

TEST_F(CheckBatchingTest, WithoutALeadingMinusOneThereIsNoBatch) {
  inputs_[0].shape = std::vector<int64_t>{1, 2};
  EXPECT_THAT(Check(nullptr), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("leading -1")));
}

TEST_F(CheckBatchingTest, AModelThatRaisesIsNotJudged) {
  EXPECT_THAT(
      Check([](const std::vector<Value>&) -> absl::StatusOr<Value> { return absl::InternalError("no"); }),
      StatusIs(absl::StatusCode::kInternal, "no"));
}

// The same on golden samples, each a row or more of x.
class CheckBatchingOnSamplesTest : public CheckBatchingTest {
 protected:
  void Sample(std::vector<int64_t> shape, const std::vector<float>& elements,
              const std::string& method = "") {
    samples_.push_back({.name = "golden/0",
                        .method = method,
                        .inputs = {{"x", Value{FloatTensor(std::move(shape), elements)}}},
                        .outputs = {}});
  }
  absl::Status CheckSamples(const RecordingExecutable::RunFn& run, int64_t max_rows = 8) {
    RecordingExecutable executable({FakeForward({FakeArgument("x")})}, &runs_, run);
    return CheckBatching(executable, {.inputs = inputs_, .outputs = outputs_}, samples_, max_rows,
                         {.rtol = 1e-4, .atol = 1e-5});
  }
  static absl::StatusOr<Value> Same(const std::vector<Value>& arguments) {
    return Value{FloatTensor(Shape(arguments[0]), ElementsOf<float>(arguments[0]))};
  }

  std::vector<GoldenSample> samples_;
};

TEST_F(CheckBatchingOnSamplesTest, ThoseOfOneShapeAreJoined) {
  Sample({1, 2}, {1, 2});
  Sample({2, 2}, {3, 4, 5, 6});
  EXPECT_OK(CheckSamples(Same));
  EXPECT_THAT(runs_, ElementsAre("FP32[3,2]", "FP32[1,2]", "FP32[2,2]"));
}

TEST_F(CheckBatchingOnSamplesTest, TheOnlyOneIsJoinedWithItself) {
  Sample({1, 2}, {1, 2});
  EXPECT_OK(CheckSamples(Same));
  EXPECT_THAT(runs_, ElementsAre("FP32[2,2]", "FP32[1,2]", "FP32[1,2]"));
}

TEST_F(CheckBatchingOnSamplesTest, NoBatchIsLargerThanTheConfigAllows) {
  Sample({1, 2}, {1, 2});
  Sample({1, 2}, {3, 4});
  Sample({1, 2}, {5, 6});
  EXPECT_OK(CheckSamples(Same, /*max_rows=*/2));
  EXPECT_EQ(runs_.front(), "FP32[2,2]");
}

TEST_F(CheckBatchingOnSamplesTest, OneThatIsTooLargeForTheOthersDoesNotKeepThemFromIt) {
  Sample({6, 2}, std::vector<float>(12, 1));
  Sample({3, 2}, std::vector<float>(6, 2));
  Sample({1, 2}, {3, 3});
  EXPECT_OK(CheckSamples(Same, /*max_rows=*/8));
  EXPECT_THAT(runs_, ElementsAre("FP32[4,2]", "FP32[1,2]", "FP32[3,2]"));
}

TEST_F(CheckBatchingOnSamplesTest, TheSmallestIsJoinedWithItselfWhereNoOtherFits) {
  Sample({7, 2}, std::vector<float>(14, 1));
  Sample({2, 2}, std::vector<float>(4, 2));
  EXPECT_OK(CheckSamples(Same, /*max_rows=*/8));
  EXPECT_EQ(runs_.front(), "FP32[4,2]");
}

TEST_F(CheckBatchingOnSamplesTest, WhereNoneCanBeJoinedNothingIsSaid) {
  EXPECT_THAT(CheckSamples(nullptr), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no golden sample")));
  Sample({5, 2}, std::vector<float>(10));
  Sample({1, 2}, {1, 2}, "encode");
  Sample({1, 3}, {1, 2, 3});  // not what the config declares: the sample itself will tell
  EXPECT_THAT(CheckSamples(nullptr), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no golden sample")));
}

TEST_F(CheckBatchingOnSamplesTest, RowsThatDependOnTheOthersAreSeen) {
  Sample({1, 2}, {1, 2});
  Sample({1, 2}, {3, 4});
  EXPECT_THAT(CheckSamples([](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
                std::vector<float> elements = ElementsOf<float>(arguments[0]);
                for (float& element : elements) element += static_cast<float>(elements.size());
                return Value{FloatTensor(Shape(arguments[0]), elements)};
              }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("otherwise in a batch than alone")));
}

}  // namespace
}  // namespace modeld
