// The device of a version: refused where it is not there. What one that is there does is in gpu_test.cc.
#include "daemon/engine/libtorch/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/engine/libtorch/map_tensors.h"
#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

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
