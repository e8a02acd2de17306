// ONNX files on OpenVINO come out as on ONNX Runtime, and those that may not are refused.
#include "daemon/engine/openvino/onnx_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "daemon/engine/libtorch/libtorch_engine.h"
#include "daemon/engine/onnxruntime/onnxruntime_engine.h"
#include "daemon/engine/openvino/openvino_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OnnxModelTest : public ::testing::Test {
 protected:
  static std::string PathOf(const std::string& name) {
    return std::string(MODELD_TEST_ONNX_MODELS) + "/" + name + ".onnx";
  }
  absl::StatusOr<std::unique_ptr<Executable>> LoadOnOpenvino(const std::string& name) {
    return openvino_->Load({.artifact_path = PathOf(name),
                            .format = ArtifactFormat::kOnnx,
                            .plan = {.engine = "openvino", .variant = "", .precision = Precision::kAsSaved}});
  }
  std::unique_ptr<Executable> LoadOnOnnxruntime(const std::string& name) {
    return onnxruntime_->Load({.artifact_path = PathOf(name), .format = ArtifactFormat::kOnnx}).value();
  }

  const std::unique_ptr<Engine> libtorch_ = NewLibtorchEngine();
  const std::unique_ptr<Engine> onnxruntime_ = NewOnnxruntimeEngine().value();
  const std::unique_ptr<Engine> openvino_ = NewOpenvinoEngine(libtorch_.get(), onnxruntime_.get());
};

TEST_F(OnnxModelTest, ThereArePlansWhereOnnxRuntimeIs) {
  std::vector<std::string> names;
  for (const Plan& plan : openvino_->plans(ArtifactFormat::kOnnx)) names.push_back(PlanName(plan));
  EXPECT_THAT(names, ElementsAre("openvino", "openvino bf16"));
  EXPECT_THAT(NewOpenvinoEngine(libtorch_.get())->plans(ArtifactFormat::kOnnx), IsEmpty());
}

struct SameCase {
  std::string name;
  std::vector<Value> inputs;
};

class OnnxSameTest : public OnnxModelTest, public ::testing::WithParamInterface<SameCase> {};

TEST_P(OnnxSameTest, ComesOutAsOnOnnxRuntime) {
  ASSERT_OK_AND_ASSIGN(const auto openvino, LoadOnOpenvino(GetParam().name));
  const auto onnxruntime = LoadOnOnnxruntime(GetParam().name);
  EXPECT_EQ(openvino->methods()[0].returns.field_names, onnxruntime->methods()[0].returns.field_names);
  ASSERT_OK_AND_ASSIGN(const Value actual, openvino->Run(0, GetParam().inputs));
  ASSERT_OK_AND_ASSIGN(const Value expected, onnxruntime->Run(0, GetParam().inputs));
  const auto *const a = actual.get_if<Tuple>(), *const e = expected.get_if<Tuple>();
  ASSERT_TRUE(a != nullptr && e != nullptr);
  EXPECT_EQ(a->names, e->names);
  ASSERT_EQ(a->items.size(), e->items.size());
  for (size_t i = 0; i < a->items.size(); ++i) {
    const Tensor &x = *a->items[i].get_if<Tensor>(), &y = *e->items[i].get_if<Tensor>();
    ASSERT_EQ(TensorSummary(x.dtype, x.shape), TensorSummary(y.dtype, y.shape));
    if (y.dtype != DType::kFp32) {
      EXPECT_EQ(Dump(a->items[i]), Dump(e->items[i]));
      continue;
    }
    const std::vector<float> xs = ElementsOf<float>(a->items[i]), ys = ElementsOf<float>(e->items[i]);
    for (size_t j = 0; j < ys.size(); ++j) EXPECT_NEAR(xs[j], ys[j], 1e-5 + 1e-4 * std::abs(ys[j]));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, OnnxSameTest,
                         ::testing::Values(SameCase{"add", {Ramp({5}), Ramp({5})}},
                                           SameCase{"cnn", {Ramp({3, 1, 8, 8})}},
                                           SameCase{"several_outputs", {Ramp({7})}},
                                           SameCase{"fixed_shape", {Ramp({2, 3})}},
                                           SameCase{"overridable", {Ramp({4})}}));

TEST_F(OnnxModelTest, WhatDoesNotFitRunsOnOnnxRuntime) {
  ASSERT_OK_AND_ASSIGN(const auto openvino, LoadOnOpenvino("fixed_shape"));
  const auto onnxruntime = LoadOnOnnxruntime("fixed_shape");
  for (const Value& input : {Value{FloatTensor({1, 3}, {std::nanf(""), 1, 2})}, Ramp({2, 4}), Ramp({3}),
                             Value{FloatTensor({0, 3}, {})}, Value{IntTensor({1, 3}, {1, 2, 3})}}) {
    const absl::StatusOr<Value> actual = openvino->Run(0, {input}), expected = onnxruntime->Run(0, {input});
    ASSERT_EQ(actual.status().ToString(), expected.status().ToString());
    if (expected.ok()) {
      EXPECT_EQ(Dump(*actual), Dump(*expected));
    }
  }
}

TEST_F(OnnxModelTest, InputsThatAreNotFp32AreRefused) {
  for (const char* const name : {"loop", "gather", "reshape", "upper", "identity_FP64", "identity_FP16"}) {
    EXPECT_THAT(LoadOnOpenvino(name).status(), StatusIs(absl::StatusCode::kInvalidArgument, testing::_))
        << name;
  }
  EXPECT_THAT(LoadOnOpenvino("loop").status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                                        HasSubstr(R"(its input "times" is i64, not FP32)")));
}

TEST_F(OnnxModelTest, BranchesAreRefused) {
  EXPECT_THAT(LoadOnOpenvino("branches").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("If is not computed")));
}

TEST_F(OnnxModelTest, WhatOnnxRuntimeRefusesIsRefused) {
  EXPECT_THAT(LoadOnOpenvino("unknown_operator").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::_));
}

}  // namespace
}  // namespace modeld
