// Each plan of the engine on models of every kind: it answers as the artifact as it was saved does, or it
// says why it cannot be had.
#include "daemon/engine/libtorch/variants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <cmath>

#include "daemon/engine/deep_copy.h"
#include "registry/base/status_macros.h"
#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {

// For the names of tests.
void PrintTo(const Plan& plan, std::ostream* out) { *out << PlanName(plan); }

namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

double LargestDifference(const Value& a, const Value& b) {
  const std::vector<float> x = ElementsOf<float>(a), y = ElementsOf<float>(b);
  EXPECT_EQ(x.size(), y.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    largest = std::max<double>(largest, std::abs(x[i] - y[i]));
  return largest;
}

class VariantsTest : public ::testing::TestWithParam<Plan> {
 protected:
  bool is_bf16() const { return GetParam().precision == Precision::kBf16; }
  // As far as the precision lets it be.
  double Tolerance() const { return is_bf16() ? 0.05 : 1e-5; }
  static absl::Status LoadStatus(const std::string& name) {
    return NewLibtorchEngine()->Load({.artifact_path = ModelPath(name), .plan = GetParam()}).status();
  }
};

TEST_P(VariantsTest, AConvolutionNetAnswersTheSame) {
  LoadedModel as_saved("cnn"), planned("cnn", GetParam());
  const NamedValues inputs = {{"input", Ramp({2, 1, 8, 8})}};
  ASSERT_OK_AND_ASSIGN(const Value expected, as_saved.Call(inputs));
  for (int call = 0; call < 4; ++call) {  // as recorded, as specialized, as compiled
    ASSERT_OK_AND_ASSIGN(const Value actual, planned.Call(inputs));
    const Tensor& tensor = *actual.get_if<Tensor>();
    EXPECT_EQ(tensor.dtype, DType::kFp32);
    EXPECT_EQ(tensor.shape, expected.get_if<Tensor>()->shape);
    EXPECT_LT(LargestDifference(actual, expected), Tolerance());
  }
}

TEST_P(VariantsTest, OtherMethodsAreKept) {
  LoadedModel as_saved("methods"), planned("methods", GetParam());
  ASSERT_EQ(planned.methods().size(), as_saved.methods().size());
  for (const Method& method : as_saved.methods()) {
    const NamedValues inputs = {{"x", Ramp({2, 3})}};
    ASSERT_OK_AND_ASSIGN(const Value expected, as_saved.Call(inputs, method.name));
    ASSERT_OK_AND_ASSIGN(const Value actual, planned.Call(inputs, method.name));
    EXPECT_LT(LargestDifference(actual, expected), Tolerance()) << method.name;
  }
}

TEST_P(VariantsTest, TensorsWithinContainersHaveTheCallersPrecision) {
  LoadedModel as_saved("tensor_dict"), planned("tensor_dict", GetParam());
  const NamedValues inputs = {{"xs", DictOf({{Str("a"), Ramp({2})}, {Str("b"), Ramp({3})}})}};
  const absl::StatusOr<Value> expected = as_saved.Call(inputs), actual = planned.Call(inputs);
  ASSERT_OK(expected.status());
  ASSERT_OK(actual.status());
  if (!is_bf16()) {
    EXPECT_EQ(Dump(*actual), Dump(*expected));
  }
  for (const auto& [key, value] : actual->get_if<Dict>()->entries) {
    EXPECT_EQ(value.get_if<Tensor>()->dtype, DType::kFp32);
  }
}

// A module without attributes, saved and loaded by each plan.
class ScriptedTest : public VariantsTest {
 protected:
  absl::StatusOr<Value> Call(const std::string& body, const Plan& plan, const Value& x) {
    torch::jit::Module module("m");
    module.define("def forward(self, x):\n  " + body + "\n");
    module.save(dir_ / "m.pt");
    MODELD_ASSIGN_OR_RETURN(const auto loaded,
                            NewLibtorchEngine()->Load({.artifact_path = dir_ / "m.pt", .plan = plan}));
    return loaded->Run(0, {DeepCopy(x)});
  }

 private:
  const TempDir dir_;
};

TEST_P(ScriptedTest, ALayerThatIsNormalizedAndReturnedToo) {
  const char* const body =
      "v = torch.tensor([1.0, 2.0, 3.0])\n"
      "  y = torch.linear(x, torch.sin(torch.arange(0.0, 12.0)).view(3, 4))\n"
      "  z = torch.batch_norm(y, v, v, v, v, False, 0.1, 1e-3, True)\n"
      "  return torch.cat([y.to(6), z.to(6)])";
  const absl::StatusOr<Value> actual = Call(body, GetParam(), Ramp({2, 4}));
  if (is_bf16() && !actual.ok()) return;  // constants of a graph are not rounded, and meet what is
  ASSERT_OK(actual.status());
  ASSERT_OK_AND_ASSIGN(const Value expected, Call(body, {}, Ramp({2, 4})));
  EXPECT_LT(LargestDifference(*actual, expected), Tolerance());
}

TEST_P(ScriptedTest, NumbersOfOtherDTypesAreReturnedAsTheyWere) {
  for (const char* const body : {"return torch.argmax(x, 1)", "return x > 0.5",
                                 "return (x > 0.5).to(7) * 0.1", "return x.to(7).sum()"}) {
    ASSERT_OK_AND_ASSIGN(const Value expected, Call(body, {}, Ramp({2, 4})));
    ASSERT_OK_AND_ASSIGN(const Value actual, Call(body, GetParam(), Ramp({2, 4})));
    EXPECT_EQ(Dump(actual), Dump(expected)) << body;  // the ramp is of numbers that bfloat16 has
  }
}

TEST_P(VariantsTest, ADataDependentBranchStaysOne) {
  LoadedModel as_saved("control_flow"), planned("control_flow", GetParam());
  for (const bool flag : {false, true}) {
    const NamedValues inputs = {{"x", Ramp({4})}, {"flag", Value{flag}}};
    ASSERT_OK_AND_ASSIGN(const Value expected, as_saved.Call(inputs));
    ASSERT_OK_AND_ASSIGN(const Value actual, planned.Call(inputs));
    EXPECT_LT(LargestDifference(actual, expected), Tolerance());
  }
}

// Weights of eight bits have no other precision to be converted to.
TEST_P(VariantsTest, DynamicallyQuantizedLayersAnswerTheSameOrAreRefused) {
  if (is_bf16()) {
    const absl::StatusOr<std::unique_ptr<Executable>> loaded =
        NewLibtorchEngine()->Load({.artifact_path = ModelPath("quantized"), .plan = GetParam()});
    if (!loaded.ok()) return;
    EXPECT_FALSE((*loaded)->Run(0, {Ramp({2, 4})}).ok());
    return;
  }
  LoadedModel as_saved("quantized"), planned("quantized", GetParam());
  ASSERT_OK_AND_ASSIGN(const Value expected, as_saved.Call({{"input", Ramp({2, 4})}}));
  ASSERT_OK_AND_ASSIGN(const Value actual, planned.Call({{"input", Ramp({2, 4})}}));
  EXPECT_LT(LargestDifference(actual, expected), Tolerance());
}

TEST_P(VariantsTest, AModuleWithStateIsRefused) {
  EXPECT_THAT(LoadStatus("counter"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("writes its attributes")));
}

// 50257 is no bfloat16.
TEST_P(VariantsTest, IntegersAndBooleansAreNotRounded) {
  LoadedModel as_saved("token_mask"), planned("token_mask", GetParam());
  const NamedValues inputs = {{"ids", Value{IntTensor({4}, {50257, 50176, 1, 50258})}}};
  ASSERT_OK_AND_ASSIGN(const Value expected, as_saved.Call(inputs));
  ASSERT_OK_AND_ASSIGN(const Value actual, planned.Call(inputs));
  EXPECT_EQ(Dump(actual), Dump(expected));
}

// They were rounded twice, and refused as no FP32 the second time.
TEST_P(VariantsTest, TensorsOfSeveralNames) {
  LoadedModel as_saved("tied"), planned("tied", GetParam());
  const NamedValues inputs = {{"x", Ramp({2, 4})}};
  ASSERT_OK_AND_ASSIGN(const Value expected, as_saved.Call(inputs));
  ASSERT_OK_AND_ASSIGN(const Value actual, planned.Call(inputs));
  EXPECT_LT(LargestDifference(actual, expected), Tolerance());
}

TEST_P(VariantsTest, OnlySinglePrecisionIsRounded) {
  const absl::Status status = LoadStatus("double_precision");
  if (is_bf16()) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("only FP32 is rounded")));
  } else {
    EXPECT_OK(status);
  }
}

TEST_P(VariantsTest, StateInTrainingModeIsNone) {
  LoadedModel as_saved("batch_norm"), planned("batch_norm", GetParam());
  EXPECT_FALSE(planned.executable().stateful());
  const NamedValues inputs = {{"input", Ramp({2, 3, 4, 4})}};
  ASSERT_OK_AND_ASSIGN(const Value expected, as_saved.Call(inputs));
  ASSERT_OK_AND_ASSIGN(const Value actual, planned.Call(inputs));
  EXPECT_LT(LargestDifference(actual, expected), Tolerance());
}

TEST_P(VariantsTest, AModuleThatForksIsRefused) {
  EXPECT_THAT(LoadStatus("future"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("forks")));
}

std::vector<Plan> Others() {
  std::vector<Plan> plans = NewLibtorchEngine()->plans(ArtifactFormat::kTorchScript);
  plans.erase(plans.begin());
  return plans;
}

std::string TestName(const ::testing::TestParamInfo<Plan>& info) {
  std::string name = PlanName(info.param);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ' ' || c == '-'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Plans, VariantsTest, ::testing::ValuesIn(Others()), TestName);
INSTANTIATE_TEST_SUITE_P(Plans, ScriptedTest, ::testing::ValuesIn(Others()), TestName);

TEST(PlansTest, TheArtifactAsItWasSavedComesFirst) {
  const std::vector<Plan> plans = NewLibtorchEngine()->plans(ArtifactFormat::kTorchScript);
  EXPECT_EQ(PlanName(plans.front()), "libtorch");
  EXPECT_THAT(NewLibtorchEngine()->plans(ArtifactFormat::kOnnx), IsEmpty());
}

}  // namespace
}  // namespace modeld
