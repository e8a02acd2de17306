// The device of a version: refused where it is not there; the same answers where it is.
#include "daemon/engine/libtorch/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "daemon/engine/libtorch/map_tensors.h"
#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

bool HasGpu() { return torch::cuda::device_count() > 0; }

TEST(FindDeviceTest, TheCpuIsWhatNobodyNames) {
  ASSERT_OK_AND_ASSIGN(const at::Device device, FindDevice(""));
  EXPECT_TRUE(device.is_cpu());
}

TEST(FindDeviceTest, OneThatIsNotThereIsRefusedByNameWithTheRemedy) {
  EXPECT_THAT(FindDevice("cuda:99"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("execution.device is cuda:99")));
  EXPECT_THAT(FindDevice("cuda:99"), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("set it to cpu")));
}

TEST(DeviceTest, AVersionOnADeviceThatIsNotThereIsNotLoaded) {
  EXPECT_THAT(NewLibtorchEngine()->Load({.artifact_path = ModelPath("cnn"), .device = "cuda:99"}).status(),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("cuda:99")));
}

TEST(DeviceTest, OnAGpuTheAnswerIsTheSame) {
  if (!HasGpu()) GTEST_SKIP() << "no GPU";
  for (const Plan& plan : NewLibtorchEngine()->plans(ArtifactFormat::kTorchScript)) {
    if (plan.precision != Precision::kAsSaved) continue;
    const auto engine = NewLibtorchEngine();
    ASSERT_OK_AND_ASSIGN(const auto on_cpu, engine->Load({.artifact_path = ModelPath("cnn")}));
    ASSERT_OK_AND_ASSIGN(const auto on_gpu,
                         engine->Load({.artifact_path = ModelPath("cnn"), .plan = plan, .device = "cuda:0"}));
    ASSERT_OK_AND_ASSIGN(const Value expected, on_cpu->Run(0, {Ramp({2, 1, 8, 8})}));
    ASSERT_OK_AND_ASSIGN(const Value actual, on_gpu->Run(0, {Ramp({2, 1, 8, 8})}));
    EXPECT_THAT(ElementsOf<float>(actual),
                ::testing::Pointwise(::testing::FloatNear(1e-4f), ElementsOf<float>(expected)));
  }
}

// `meta` stands for any device.
TEST(MapTensorsTest, TensorsAreMovedWhereverTheyLie) {
  const at::Tensor tensor = at::ones({2});
  c10::Dict<std::string, at::Tensor> dict;
  dict.insert("t", tensor);
  const c10::IValue value =
      c10::ivalue::Tuple::create({tensor, c10::List<at::Tensor>({tensor, tensor}), dict, c10::IValue(7)});
  const c10::IValue moved = MapTensors(value, [](const at::Tensor& t) { return t.to(at::kMeta); });
  const auto& elements = moved.toTupleRef().elements();
  EXPECT_TRUE(elements[0].toTensor().is_meta());
  for (const at::Tensor& item : elements[1].toTensorVector()) EXPECT_TRUE(item.is_meta());
  EXPECT_TRUE(elements[2].toGenericDict().at("t").toTensor().is_meta());
  EXPECT_EQ(elements[3].toInt(), 7);
  EXPECT_FALSE(dict.at("t").is_meta());  // what the caller has stays as it was
}

}  // namespace
}  // namespace modeld
