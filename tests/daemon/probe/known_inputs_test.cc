#include "daemon/probe/known_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

GoldenSample Sample(NamedValues inputs, std::string method = "") {
  return {.name = "golden/0", .method = std::move(method), .inputs = std::move(inputs), .outputs = {}};
}

Value Zeros(DType dtype, std::vector<int64_t> shape) {
  return Value{Tensor{.dtype = dtype, .shape = std::move(shape), .buffer = {}, .strings = {}}};
}

std::string Text(const KnownInput& input) {
  return input.name + " " + TensorSummary(input.dtype, input.shape) + (input.always ? " always" : "");
}

std::vector<std::string> Known(const std::vector<DeclaredTensor>& declared,
                               const std::vector<GoldenSample>& samples) {
  std::vector<std::string> texts;
  for (const KnownInput& input : KnownInputs(declared, samples)) texts.push_back(Text(input));
  return texts;
}

TEST(KnownInputsTest, DeclarationsComeBeforeSamples) {
  EXPECT_THAT(Known({{.name = "x", .dtype = DType::kFp32, .shape = std::vector<int64_t>{-1, 3}}},
                    {Sample({{"x", Zeros(DType::kFp32, {1, 3})}, {"y", Zeros(DType::kInt64, {1, 5})}})}),
              ElementsAre("x FP32[-1,3] always", "y INT64[-1,-1]"));
}

TEST(KnownInputsTest, WhatIsDeclaredKeepsItsOrder) {
  const std::vector<int64_t> shape = {3};
  EXPECT_THAT(Known({{.name = "z", .dtype = DType::kFp32, .shape = shape},
                     {.name = "a", .dtype = DType::kFp32, .shape = shape}},
                    {Sample({{"b", Zeros(DType::kFp32, {1})}, {"a", Zeros(DType::kFp32, {3})}})}),
              ElementsAre("z FP32[3] always", "a FP32[3] always", "b FP32[-1]"));
}

TEST(KnownInputsTest, HalfADeclarationIsNone) {
  EXPECT_THAT(Known({{.name = "x", .dtype = DType::kFp32, .shape = std::nullopt}}, {}), IsEmpty());
}

TEST(KnownInputsTest, SamplesThatDisagreeSayNothing) {
  EXPECT_THAT(Known({}, {Sample({{"x", Zeros(DType::kFp32, {1, 3})}, {"y", Zeros(DType::kFp32, {1})}}),
                         Sample({{"x", Zeros(DType::kFp32, {1, 2, 3})}, {"y", Zeros(DType::kFp16, {1})}}),
                         Sample({{"x", Zeros(DType::kFp32, {1, 3})}})}),
              IsEmpty());
}

TEST(KnownInputsTest, SamplesOfOtherMethodsSayNothing) {
  EXPECT_THAT(Known({}, {Sample({{"x", Zeros(DType::kFp32, {1})}}, "encode"),
                         Sample({{"z", Zeros(DType::kFp32, {1})}}, "forward")}),
              ElementsAre("z FP32[-1]"));
}

TEST(KnownInputsTest, OnlyTensorsCount) {
  EXPECT_THAT(Known({}, {Sample({{"flag", Value{true}}})}), IsEmpty());
}

}  // namespace
}  // namespace modeld
