// What must not run on OpenVINO is refused, with the operator and the reason.
#include "daemon/engine/openvino/eligibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

absl::Status Refusal(const std::string& body,
                     std::vector<KnownInput> inputs = {Known("x", DType::kFp32, {-1, 4})}) {
  std::string source = "def forward(self";
  for (const KnownInput& input : inputs) absl::StrAppend(&source, ", ", input.name);
  Scripted scripted(absl::StrCat(source, "):\n  ", body, "\n"), std::move(inputs));
  return scripted.LoadOnOpenvino().status();
}

auto Refused(const std::string& why) { return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)); }

TEST(EligibilityTest, NamesTheOperatorAndItsPlace) {
  EXPECT_THAT(
      Refusal("return torch.cumsum(x, 1)"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               testing::MatchesRegex("aten::cumsum is not among the operators that are proved to come "
                                     "out the same on OpenVINO \\(at .*:[0-9]+:[0-9]+\\)")));
}

TEST(EligibilityTest, RandomOperators) {
  EXPECT_THAT(Refusal("return torch.dropout(x, 0.5, True)"), Refused("aten::dropout"));
  EXPECT_THAT(Refusal("return x + torch.rand_like(x)"), Refused("aten::rand_like"));
  EXPECT_THAT(Refusal("return torch.bernoulli(torch.sigmoid(x))"), Refused("aten::bernoulli"));
}

TEST(EligibilityTest, WhatRaisesWithinALoop) {
  EXPECT_THAT(
      Refusal("y = x\n  while bool(torch.sum(y) < 9):\n    assert bool(torch.sum(y) > 0)\n    y = y * 2\n"
              "  return y"),
      Refused("prim::RaiseException"));
}

TEST(EligibilityTest, WhatPrints) {
  EXPECT_THAT(Refusal("print(x)\n  return x + 1"), Refused("prim::Print"));
}

TEST(EligibilityTest, WhatWorksInPlaceOnItsInputs) {
  EXPECT_THAT(Refusal("x.add_(1)\n  return x"), Refused("aten::add_"));
  EXPECT_THAT(Refusal("x[0].mul_(2)\n  return x + 1"), Refused("aten::mul_"));
}

TEST(EligibilityTest, IntegerArithmetic) {
  // OpenVINO computes it in 32 bits, and divides towards zero.
  const std::vector<KnownInput> integers = {Known("x", DType::kInt64, {-1, 4})};
  EXPECT_THAT(Refusal("return x + 1", integers),
              Refused("aten::add.Scalar is not proved for tensors of dtype INT64"));
  EXPECT_THAT(Refusal("return x * x", integers), Refused("aten::mul.Tensor"));
  EXPECT_THAT(Refusal("return torch.sum(x)", integers), Refused("aten::sum"));
  EXPECT_THAT(Refusal("return torch.floor_divide(x, 2)", integers), Refused("aten::floor_divide"));
}

TEST(EligibilityTest, DivisionOfSizesThatMayBeNegative) {
  EXPECT_THAT(Refusal("return torch.ones([5 + (x.size(0) - 4) // 2, 2]) * torch.sum(x)"),
              Refused("aten::floordiv.int is not converted: it rounds negative numbers otherwise"));
}

TEST(EligibilityTest, OtherPrecisions) {
  EXPECT_THAT(Refusal("return x + 1", {Known("x", DType::kFp64, {-1, 4})}), Refused("FP64"));
  EXPECT_THAT(Refusal("return x + 1", {Known("x", DType::kFp16, {-1, 4})}), Refused("FP16"));
  EXPECT_THAT(Refusal("return x.to(7) * 2"),
              Refused("aten::to.dtype is not proved for tensors that become FP64"));
  EXPECT_THAT(Refusal("return x.to(4)"), Refused("become INT64"));
}

TEST(EligibilityTest, MixedDTypes) {
  EXPECT_THAT(
      Refusal("return x * y", {Known("x", DType::kFp32, {-1, 4}), Known("y", DType::kInt64, {-1, 4})}),
      Refused("aten::mul.Tensor is not proved for tensors of dtype INT64"));
  EXPECT_THAT(Refusal("return torch.cat([x, y])",
                      {Known("x", DType::kFp32, {-1, 4}), Known("y", DType::kInt64, {-1, 4})}),
              Refused("several dtypes"));
}

TEST(EligibilityTest, IndicesThatAreComputed) {
  EXPECT_THAT(Refusal("w = torch.ones([10, 3])\n  return torch.embedding(w, (x > 0).to(4))"),
              Refused("aten::embedding has an index that is computed, and may be out of range"));
}

TEST(EligibilityTest, AnIndexBeyondADimensionThatMayBeSmaller) {
  EXPECT_THAT(Refusal("return x[3]"), Refused("it takes element 3 of a dimension that may be smaller"));
}

TEST(EligibilityTest, NumbersThatAreComputed) {
  EXPECT_THAT(Refusal("return x * float(torch.sum(x))"), Refused("aten::Float"));
  EXPECT_THAT(Refusal("return x * (1.0 / x.size(0))"), Refused("aten::"));
}

TEST(EligibilityTest, WhatIsNoTensor) {
  EXPECT_THAT(Refusal("return x.size(0)"), Refused("it returns a int that it computes"));
  EXPECT_THAT(Refusal("return 5"), Refused("it returns no tensor"));
}

TEST(EligibilityTest, InputsOfWhichNothingIsKnown) {
  Scripted scripted("def forward(self, x):\n  return x + 1\n", {});
  EXPECT_THAT(scripted.LoadOnOpenvino().status(),
              Refused("dtype and rank of its input \"x\" are not known: declare it, or add a golden sample"));
}

TEST(EligibilityTest, ListsOfTensors) {
  Scripted scripted("def forward(self, x: List[Tensor]):\n  return x[0] + 1\n", {});
  EXPECT_THAT(scripted.LoadOnOpenvino().status(), Refused("its input \"x\" is a List[Tensor], not a tensor"));
}

}  // namespace
}  // namespace modeld
