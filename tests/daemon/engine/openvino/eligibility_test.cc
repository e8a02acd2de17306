// What must not run on OpenVINO is refused, with the operator and the reason.
#include "daemon/engine/openvino/eligibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
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
      Refusal("return torch.cumprod(x, 1)"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               testing::MatchesRegex("aten::cumprod is not among the operators that are proved to come "
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
       {"return x / 0.0", "return x / torch.tensor([1.0, 0.0, 1.0, 2.0])", "return x ** 0.7", "return x ** x",
        "return x.masked_fill(x > 0, float('inf'))",
        "b = bool(torch.sum(x) > 0)\n  if b:\n    b = bool(torch.sum(torch.sqrt(x * 2)) > 1)\n  assert b\n  "
        "return x * 2"}) {
    EXPECT_THAT(Refusal(body), Refused("aten::")) << body;
  }
}

TEST(EligibilityTest, MinusInfinityThatDoesNotEndInASoftmax) {
  for (const char* const body :
       {"return torch.relu(x.masked_fill(x > 0, float('-inf')))",
        "return x.masked_fill(x > 0, float('-inf')) * 2", "return x.masked_fill(x > 0, -3e38) * 2",
        "return torch.log_softmax(x.masked_fill(x > 0, float('-inf')), -1)",
        "return torch.cumsum(x.masked_fill(x > 0, float('-inf')), 1)",
        "return x * torch.tensor([1.0, float('-inf'), 0.0, 0.0])",
        "return torch.softmax(torch.add(x, x.masked_fill(x > 0, float('-inf')), alpha=-1), 1)",
        "return torch.scaled_dot_product_attention(x.masked_fill(x > 0, float('-inf')), x, x)"}) {
    EXPECT_THAT(Refusal(body), Refused("aten::")) << body;
  }
  EXPECT_THAT(Refusal("return x.masked_fill(x > 0, float('-inf'))"),
              Refused("it returns what may be minus infinity"));
}

TEST(EligibilityTest, ConstantsThatMeetOthersAsOtherNumbers) {
  EXPECT_THAT(Refusal("return torch.relu(x + torch.tensor([1.0, 2.0, float('nan'), 1.0]))"),
              Refused("holds NaN or infinity"));
  EXPECT_THAT(Refusal("return x * torch.tensor([1.0, 2.0, float('inf'), 1.0])"),
              Refused("holds NaN or infinity"));
  EXPECT_THAT(Refusal("return torch.cat([x, torch.tensor([[1, 2, 3, 4294967296]])])",
                      {Known("x", DType::kInt64, {-1, 4})}),
              Refused("holds integers beyond 2^24"));
}

TEST(EligibilityTest, ArgumentsThatAreNotProved) {
  for (const char* const body :
       {"return torch.std(x, [0])", "return torch.var(x, [0], correction=1)",
        "return torch.var(x, [1], correction=2)", "return torch.norm(x, 1, [1])",
        "return torch.linalg_vector_norm(x, 1, [1])", "return torch.roll(x, 1)",
        "return torch.pad(x, [-1, 1])", "return torch.pad(x.unsqueeze(0), [1, 1], \"reflect\")",
        "return torch.reflection_pad1d(x.t(), [1, 1])", "return x.narrow(0, 0, 2) + 1",
        "return torch.full([2, 4], 1) + x", "return torch.full_like(x, 0.5, dtype=4)",
        "return torch.index_select(x, 0, torch.argmax(x, 0))",
        "return torch.index_select(x, 1, torch.tensor([4]))",
        "return torch.gather(x, 1, torch.tensor([[4]]))",
        "return torch.instance_norm(x.unsqueeze(2), None, None, x[0], x[0], False, 0.1, 1e-5, True)"}) {
    EXPECT_THAT(Refusal(body), Refused("aten::")) << body;
  }
  // Its logarithm is of zero where the number is low.
  EXPECT_THAT(Refusal("return torch.relu(torch.log_sigmoid(x))"), Refused("aten::log_sigmoid"));
}

TEST(EligibilityTest, BagsThatAreNotRows) {
  const std::vector<KnownInput> rows = {Known("x", DType::kInt64, {-1, 4})};
  for (const char* const arguments : {"torch.arange(0, x.numel(), 2), False, 0, False, None, False, None",
                                      "torch.arange(0, x.numel(), 4), False, 2, False, None, False, None",
                                      "torch.arange(0, x.numel(), 4), False, 0, False, None, True, None",
                                      "torch.arange(0, x.numel(), 4), False, 0, False, None, False, 1"}) {
    EXPECT_THAT(
        Refusal(absl::StrCat("w = torch.ones([10, 3])\n  a, b, c, d = torch.embedding_bag(w, x.reshape(-1), ",
                             arguments, ")\n  return a"),
                rows),
        Refused("aten::embedding_bag"))
        << arguments;
  }
}

TEST(EligibilityTest, AttentionThatIsNotSpelledOut) {
  const std::string call =
      "w = torch.sin(torch.arange(0.0, 48.0)).view(12, 4)\n"
      "  a, b = torch._native_multi_head_attention(x, KEY, x, 4, 2, w, w[:, 0], w[:4], w[0], None, NEEDED)\n"
      "  return a, b";
  const std::vector<KnownInput> rows = {Known("x", DType::kFp32, {-1, 3, 4})};
  EXPECT_THAT(Refusal(absl::StrReplaceAll(call, {{"KEY", "x * 2"}, {"NEEDED", "True"}}), rows),
              Refused("aten::_native_multi_head_attention"));
  EXPECT_THAT(Refusal(absl::StrReplaceAll(call, {{"KEY", "x"}, {"NEEDED", "False"}}), rows),
              Refused("aten::_native_multi_head_attention"));
}

TEST(EligibilityTest, AttributesThatAreWrittenInPlace) {
  for (const char* const write :
       {"self.state.add_(x)", "self.state[0].add_(1.0)", "y = self.state.view(-1)\n  y.mul_(2)",
        "y = [self.state]\n  y[0].add_(x)", "self.state.copy_(x)",
        "y = self.state if bool(x.sum() > 0) else x\n  y.add_(x)"}) {
    const TempDir dir;
    const std::string path = dir.path() + "/m.pt";
    torch::jit::Module module("m");
    module.register_buffer("state", at::zeros({1, 4}));
    module.define(absl::StrCat("def forward(self, x):\n  ", write, "\n  return x + self.state\n"));
    module.save(path);
    CountingLibtorch libtorch;
    const auto loaded = NewOpenvinoEngine(&libtorch)->Load(
        {.artifact_path = path,
         .format = ArtifactFormat::kTorchScript,
         .plan = {.engine = "openvino", .variant = "", .precision = Precision::kAsSaved},
         .inputs = {Known("x", DType::kFp32, {1, 4})}});
    EXPECT_THAT(loaded.status(), StatusIs(absl::StatusCode::kInvalidArgument, testing::_)) << write;
  }
}

TEST(EligibilityTest, RangesThatMayRunBackwardsOrAreRounded) {
  for (const char* const body :
       {"return torch.arange(x.size(0) - 3) + torch.sum(x)", "return torch.arange(1, x.size(0)), x + 1",
        "return torch.arange(0, x.size(0), -1), x + 1",
        "return torch.arange(0, x.size(0), 0.1) + torch.sum(x)"}) {
    EXPECT_THAT(Refusal(body), Refused("aten::")) << body;
  }
}

TEST(EligibilityTest, TwoMasksAtOnce) {
  EXPECT_THAT(Refusal("return torch.scaled_dot_product_attention(x, x, x, x, 0.0, True)"),
              Refused("aten::scaled_dot_product_attention is not converted: its argument attn_mask"));
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
  EXPECT_THAT(
      Refusal("w = torch.ones([10, 3])\n  b = bool(torch.sum(x) > 0)\n  if b:\n"
              "    b = bool(torch.sum(torch.embedding(w, (x > 0).to(4))) > 9)\n  assert b\n  return x * 2"),
      Refused("aten::embedding is not converted: within a branch"));
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
