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

TEST(EligibilityTest, LoopsThatAreNotUnrolled) {
  EXPECT_THAT(Refusal("y = x\n  while bool(torch.sum(y) < 9):\n    y = y * 2\n  return y"),
              Refused("prim::Loop"));
  EXPECT_THAT(Refusal("for i in range(x.size(0) - 3):\n    x = x * 2\n  return x"), Refused("prim::Loop"));
  EXPECT_THAT(Refusal("for i in range(100000):\n    x = x * 0.9999\n  return x"), Refused("prim::Loop"));
}

TEST(EligibilityTest, TensorsOutOfBranches) {
  // What follows reads memory that is not theirs: here the padding does.
  EXPECT_THAT(
      Refusal("if bool(torch.sum(x) > 0):\n    y = torch.relu6(x)\n  else:\n    y = torch.clamp(x, -1, 2)\n"
              "  return torch.constant_pad_nd(torch.tanh(y), [1, 1], 0.5) * 1.5"),
      Refused("prim::If is not converted: it hands on a Tensor"));
}

TEST(EligibilityTest, ReductionsOfThreeDimensionsBeforeAConstant) {
  // Each channel gets what is the first one's.
  const std::vector<KnownInput> rows = {Known("x", DType::kFp32, {-1, 3, 8})};
  for (const char* const body :
       {"return torch.mean(x, [2]) * torch.tensor([1.0, 2.0, 3.0])", "return torch.sum(x, [1]) / 3",
        "return torch.adaptive_avg_pool1d(x, 1) + torch.tensor([[1.0], [2.0], [3.0]])",
        "v = torch.tensor([1.0, 2.0, 3.0])\n  return torch.batch_norm(torch.amax(x, [2]), v, v, v, v, False, "
        "0.1, "
        "1e-3, True)"}) {
    EXPECT_THAT(Refusal(body, rows), Refused("three dimensions")) << body;
  }
  for (const char* const body : {"return torch.mean(x, [1]) * 2", "return torch.tanh(torch.sum(x, [2]))",
                                 "return x - torch.mean(x, [2], keepdim=True)"}) {
    EXPECT_OK(Refusal(body, rows)) << body;
  }
}

TEST(EligibilityTest, WhatIsComputedOfConstantsOnly) {
  // The first run writes over it.
  EXPECT_THAT(Refusal("w = torch.sin(torch.arange(0.0, 18.0)).view(6, 1, 3)\n"
                      "  v = torch.conv1d((torch.zeros_like(x[:, :2]) + 0.5).view(6, 1, 2), w, None, 1, 1)\n"
                      "  return torch.constant_pad_nd(v, [1, 1]) - x",
                      {Known("x", DType::kFp32, {6, 4})}),
              Refused("is computed of constants only"));
}

TEST(EligibilityTest, ANumberOfALargerDTypeBesideATensorWithoutDimensions) {
  EXPECT_THAT(Refusal("return torch.mean(x) * torch.tensor(0.1, dtype=7)"), Refused("aten::mul.Tensor"));
}

TEST(EligibilityTest, WhatMakesNanOfFiniteNumbers) {
  for (const char* const body :
       {"return torch.relu(torch.sqrt(x))", "return torch.log(x)", "return torch.rsqrt(x)", "return x / x",
        "return x ** 0.5", "return x / 0.0", "return torch.reciprocal(x)",
        "return x.masked_fill(x > 0, float('-inf'))"}) {
    EXPECT_THAT(Refusal(body), Refused("aten::")) << body;
  }
}

TEST(EligibilityTest, PiecesOfWhichTheNumberDependsOnASize) {
  for (const char* const body :
       {"a, b = torch.split(x, 3, 0)\n  return a + 1, b + 1", "a, b = torch.unbind(x, 0)\n  return a + b",
        "a, b = torch.chunk(x, 2, 0)\n  return a + b", "return torch.chunk(x, 3, 1)[-1] + 1"}) {
    EXPECT_THAT(Refusal(body), Refused("aten::")) << body;
  }
}

TEST(EligibilityTest, SqueezeOfADimensionThatMayBeLarger) {
  EXPECT_THAT(Refusal("return x.squeeze(0) * 2"), Refused("aten::squeeze.dim"));
  EXPECT_THAT(Refusal("return x.squeeze(1) * 2"), Refused("aten::squeeze.dim"));
}

TEST(EligibilityTest, AnInputThatIsReturnedAsItCame) {
  for (const char* const body :
       {"return x", "return x.to(6), x * 2", "return x.view(-1)", "return x.clone()"}) {
    EXPECT_THAT(Refusal(body), StatusIs(absl::StatusCode::kInvalidArgument, testing::_)) << body;
  }
}

TEST(EligibilityTest, OtherScalesAndArguments) {
  const std::vector<KnownInput> images = {Known("x", DType::kFp32, {-1, 3, 4, 5})};
  EXPECT_THAT(Refusal("return torch.upsample_bilinear2d(x, None, False, [0.5, 0.5])", images),
              Refused("upsample"));
  EXPECT_THAT(Refusal("return torch.upsample_bilinear2d(x, [7, 9], True, None)", images),
              Refused("upsample"));
  EXPECT_THAT(Refusal("return torch.softplus(x, 2.0, 5.0)"), Refused("aten::softplus"));
  EXPECT_THAT(Refusal("return x.transpose(0, 1).view(-1) + 1"), Refused("aten::view"));
  EXPECT_THAT(Refusal("return x > 4294967296", {Known("x", DType::kInt64, {-1, 4})}),
              Refused("aten::gt.Scalar"));
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
  EXPECT_THAT(Refusal("return x[3] + 1"), Refused("it takes element 3 of a dimension that may be smaller"));
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
