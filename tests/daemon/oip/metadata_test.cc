#include "daemon/oip/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_version.h"
#include "messages.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// forward(x: Tensor, flag: bool = False, words: List[str], other: Any) -> Tensor
std::unique_ptr<ServedVersion> Version() {
  Argument flag = FakeArgument("flag", Type::Kind::kBool);
  flag.default_value = Value{false};
  Argument words = FakeArgument("words");
  words.type = TypeOf(Type::Kind::kList, {TypeOf(Type::Kind::kString)});
  std::unique_ptr<ServedVersion> version =
      FakeVersion(FakeForward({FakeArgument("x"), flag, words, FakeArgument("other", Type::Kind::kAny)}));
  version->inputs = {{.name = "x", .dtype = DType::kFp32, .shape = std::vector<int64_t>{-1, 4}}};
  version->outputs = {{.name = "logits", .dtype = DType::kBf16, .shape = std::vector<int64_t>{-1, 10}}};
  return version;
}

TEST(MetadataTest, SaysWhatIsDeclaredOrWhatTheTypesTell) {
  inference::ModelMetadataResponse metadata;
  FillMetadata(*Version(), &metadata);
  EXPECT_EQ(metadata.name(), "m");
  ASSERT_EQ(metadata.inputs_size(), 4);
  EXPECT_EQ(metadata.inputs(0).name(), "x");
  EXPECT_EQ(metadata.inputs(0).datatype(), "FP32");
  EXPECT_THAT(metadata.inputs(0).shape(), ElementsAre(-1, 4));
  EXPECT_EQ(metadata.inputs(1).datatype(), "BOOL");
  EXPECT_THAT(metadata.inputs(1).shape(), ElementsAre(1));
  EXPECT_EQ(metadata.inputs(2).datatype(), "BYTES");
  EXPECT_THAT(metadata.inputs(2).shape(), ElementsAre(-1));
  EXPECT_EQ(metadata.inputs(3).datatype(), "");
  EXPECT_THAT(metadata.inputs(3).shape(), IsEmpty());
  ASSERT_EQ(metadata.outputs_size(), 1);
  EXPECT_EQ(metadata.outputs(0).name(), "logits");
  EXPECT_EQ(metadata.outputs(0).datatype(), "BF16");
}

TEST(MetadataTest, ConfigsOfModelsThatAreNotBatchedHaveAllDimensions) {
  const inference::ModelConfig config = OipConfigOf(*Version(), {}, ArtifactFormat::kTorchScript);
  EXPECT_EQ(config.name(), "m");
  EXPECT_EQ(config.platform(), "pytorch_libtorch");
  EXPECT_EQ(config.backend(), "pytorch");
  EXPECT_EQ(config.max_batch_size(), 0);
  ASSERT_EQ(config.input_size(), 4);
  EXPECT_EQ(config.input(0).data_type(), inference::TYPE_FP32);
  EXPECT_THAT(config.input(0).dims(), ElementsAre(-1, 4));
  EXPECT_FALSE(config.input(0).optional());
  EXPECT_TRUE(config.input(1).optional());
  EXPECT_EQ(config.input(2).data_type(), inference::TYPE_STRING);
  EXPECT_EQ(config.input(3).data_type(), inference::TYPE_INVALID);
  EXPECT_EQ(config.output(0).data_type(), inference::TYPE_BF16);
  EXPECT_EQ(config.instance_group(0).kind(), inference::ModelInstanceGroup::KIND_CPU);
}

TEST(MetadataTest, ConfigsOfBatchedModelsHaveNoBatchDimension) {
  v1::ModelConfig own;
  own.mutable_batching()->set_max_batch_size(16);
  own.mutable_batching()->add_preferred_batch_sizes(8);
  own.mutable_batching()->set_max_queue_delay_us(500);
  own.add_outputs()->set_name("logits");
  own.mutable_outputs(0)->set_labels("labels.txt");
  const std::string input = OipConfigOf(*Version(), {}, ArtifactFormat::kOnnx).input(0).name();
  (*own.mutable_preprocess())[input].mutable_image()->set_layout("NHWC");
  const inference::ModelConfig config = OipConfigOf(*Version(), own, ArtifactFormat::kOnnx);
  EXPECT_EQ(config.platform(), "onnxruntime_onnx");
  EXPECT_EQ(config.max_batch_size(), 16);
  EXPECT_EQ(config.input(0).format(), inference::ModelInput::FORMAT_NHWC);
  EXPECT_EQ(config.input(1).format(), inference::ModelInput::FORMAT_NONE);
  EXPECT_THAT(config.input(0).dims(), ElementsAre(4));
  EXPECT_THAT(config.output(0).dims(), ElementsAre(10));
  EXPECT_EQ(config.output(0).label_filename(), "labels.txt");
  EXPECT_THAT(config.dynamic_batching().preferred_batch_size(), ElementsAre(8));
  EXPECT_EQ(config.dynamic_batching().max_queue_delay_microseconds(), 500u);
}

TEST(MetadataTest, IndexSaysWhatStateAVersionIsIn) {
  VersionView view;
  view.record.version = "1.0";
  view.state = VersionState::kQuarantined;
  view.reason = "bad magic";
  const auto index = IndexOf("m", view);
  EXPECT_EQ(index.name(), "m");
  EXPECT_EQ(index.version(), "1.0");
  EXPECT_EQ(index.state(), "UNAVAILABLE");
  EXPECT_EQ(index.reason(), "bad magic");
  view.state = VersionState::kReady;
  EXPECT_EQ(IndexOf("m", view).state(), "READY");
  view.state = VersionState::kProbing;
  EXPECT_EQ(IndexOf("m", view).state(), "LOADING");
  view.state = VersionState::kDraining;
  EXPECT_EQ(IndexOf("m", view).state(), "UNLOADING");
}

}  // namespace
}  // namespace modeld
