#include "daemon/probe/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/fake_engine.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

DeclaredTensor Declared(const std::string& name, DType dtype, std::vector<int64_t> shape) {
  return {.name = name, .dtype = dtype, .shape = std::move(shape)};
}

class WarmUpTest : public ::testing::Test {
 protected:
  // Each call takes the next of `seconds_`, the last of them for ever.
  WarmUpResult Warm(int64_t batch_size = 1, const WarmUpLimits& limits = {}) {
    RecordingExecutable executable(
        {FakeForward({FakeArgument("x")})}, &runs_,
        [this](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
          now_ += absl::Seconds(seconds_[std::min(runs_.size(), seconds_.size()) - 1]);
          return run_ ? run_(arguments) : Value{FloatTensor({1}, {static_cast<float>(runs_.size())})};
        });
    return WarmUp(executable, {.inputs = inputs_, .outputs = outputs_}, batch_size, limits,
                  [this] { return now_; });
  }

  std::vector<DeclaredTensor> inputs_ = {Declared("x", DType::kFp32, {-1, 3})};
  std::vector<DeclaredTensor> outputs_;
  std::vector<double> seconds_ = {0.01};
  absl::Duration now_ = absl::Seconds(1000);
  std::vector<std::string> runs_;
  RecordingExecutable::RunFn run_;
};

TEST_F(WarmUpTest, EndsWhenTwoWindowsOfCallsTakeAsLong) {
  const WarmUpResult result = Warm(4);
  EXPECT_TRUE(result.stable);
  EXPECT_EQ(result.calls, 6);
  EXPECT_NEAR(result.seconds, 0.01, 1e-9);
  EXPECT_EQ(runs_, std::vector<std::string>(6, "FP32[4,3]"));
  EXPECT_EQ(Dump(result.outputs.at("output")), Dump(Value{FloatTensor({1}, {6})}));
  EXPECT_EQ(WarmUpWarning(result), "");
}

TEST_F(WarmUpTest, GoesOnWhileTheFirstCallsAreSlow) {
  seconds_ = {2, 1, 0.5, 0.25, 0.1, 0.1, 0.1};
  const WarmUpResult result = Warm();
  EXPECT_TRUE(result.stable);
  EXPECT_NEAR(result.seconds, 0.1, 1e-9);
  // The first window before which all is at rest: calls 4 to 6 have the median of the last.
  EXPECT_EQ(result.calls, 9);
}

TEST_F(WarmUpTest, OneCallThatIsHeldUpIsNoChange) {
  seconds_ = {0.01, 0.01, 0.01, 0.01, 5, 0.01};
  EXPECT_EQ(Warm().calls, 6);
}

TEST_F(WarmUpTest, WhatTheClockCannotTellIsStable) {
  seconds_ = {1e-6, 1e-6, 1e-6, 15e-6};
  EXPECT_EQ(Warm().calls, 6);
}

TEST_F(WarmUpTest, IsGivenUpWhenItsTimeIsOver) {
  seconds_ = {7};
  const WarmUpResult result = Warm(1, {.max_calls = 50, .max_time = absl::Seconds(10)});
  EXPECT_EQ(result.calls, 3);
  EXPECT_FALSE(result.stable);
  EXPECT_NEAR(result.seconds, 7, 1e-9);
}

// Of a module that forks, the clock of the calling thread's CPU time sees hardly anything.
TEST_F(WarmUpTest, IsGivenUpByTheClockOnTheWallToo) {
  seconds_ = {1, 2, 4, 8, 16, 32};
  EXPECT_EQ(Warm(1, {.max_calls = 50, .max_time = absl::Hours(1), .max_wall = absl::ZeroDuration()}).calls,
            3);
}

TEST_F(WarmUpTest, IsGivenUpAfterSoManyCalls) {
  seconds_.clear();
  for (int i = 0; i < 100; ++i) seconds_.push_back(std::pow(1.1, i) * 1e-3);
  const WarmUpResult result = Warm(1, {.max_calls = 20, .max_time = absl::Hours(1)});
  EXPECT_EQ(result.calls, 20);
  EXPECT_FALSE(result.stable);
}

TEST_F(WarmUpTest, EveryCallGetsInputsOfItsOwn) {
  std::vector<std::string> seen;
  run_ = [&](const std::vector<Value>& arguments) {
    seen.push_back(Dump(arguments[0]));
    const Tensor& x = *arguments[0].get_if<Tensor>();
    std::memset(x.buffer.data, 1, x.buffer.size);  // as a model that works in place
    return Value{};
  };
  Warm();
  EXPECT_EQ(seen, std::vector<std::string>(6, seen.at(0)));
}

TEST_F(WarmUpTest, AFailureNamesTheShapes) {
  run_ = [](const auto&) { return absl::InternalError("sizes do not match"); };
  const WarmUpResult result = Warm(4);
  EXPECT_EQ(runs_.size(), 1u);
  EXPECT_EQ(WarmUpWarning(result), "warm-up failed on generated inputs x FP32[4,3]: sizes do not match");
}

TEST_F(WarmUpTest, InputsThatCannotBeMadeAreNotTheModelsFailure) {
  inputs_ = {Declared("x", DType::kFp32, {-1, int64_t{1} << 28})};
  const WarmUpResult result = Warm();
  EXPECT_TRUE(runs_.empty());
  EXPECT_TRUE(result.status.ok());
  EXPECT_THAT(WarmUpWarning(result), HasSubstr("larger than 256 MiB"));
}

TEST_F(WarmUpTest, OutputsHaveTheirDeclaredNames) {
  outputs_ = {Declared("logits", DType::kFp32, {1})};
  EXPECT_EQ(Warm().outputs.count("logits"), 1u);
}

}  // namespace
}  // namespace modeld
