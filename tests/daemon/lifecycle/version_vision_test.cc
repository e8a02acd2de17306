#include "daemon/lifecycle/version_vision.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/probe/declared.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"
#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kConfig[] = R"({"version": "1.0",
  "outputs": [{"name": "y", "label_names": ["cat", "dog"]}],
  "preprocess": {"x": {"image": {"color": "GRAY"}}},
  "postprocess": {"y": {"softmax": true, "top_k": 1}}})";

// One grey pixel.
std::string Bitmap(char value) {
  std::string bytes = "BM";
  const auto number = [&](uint32_t n, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(n >> (8 * i));
  };
  for (const uint32_t n : {58u, 0u, 54u, 40u, 1u, 1u}) number(n, 4);
  number(1, 2);
  number(24, 2);
  for (int i = 0; i < 6; ++i) number(0, 4);
  return bytes + value + value + value + '\0';
}

Value Encoded(std::vector<std::string> images, std::vector<int64_t> shape) {
  Tensor tensor;
  tensor.dtype = DType::kBytes;
  tensor.shape = std::move(shape);
  tensor.strings = std::move(images);
  return {.data = std::move(tensor)};
}

Value Floats(std::vector<int64_t> shape, std::vector<float> elements) {
  Tensor tensor;
  tensor.shape = std::move(shape);
  tensor.buffer = Buffer::FromString(
      std::string(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(float)));
  return {.data = std::move(tensor)};
}

std::vector<float> ElementsOf(const Value& value) {
  const Tensor& tensor = *value.get_if<Tensor>();
  const auto* const data = static_cast<const float*>(tensor.buffer.data);
  return {data, data + tensor.buffer.size / sizeof(float)};
}

class VersionVisionTest : public ::testing::Test {
 protected:
  absl::Status Set(const std::string& json) {
    MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(json));
    const Type tensor{.kind = Type::Kind::kTensor, .params = {}, .field_names = {}, .name = ""};
    std::vector<Method> methods(2);
    methods[0] = {.name = "forward",
                  .arguments = {{.name = "x", .type = tensor, .default_value = std::nullopt}},
                  .returns = tensor};
    methods[1] = methods[0];
    methods[1].name = "other";
    version_.model = "m";
    version_.version = "1.0";
    version_.inputs = DeclaredTensors(parsed.config.inputs());
    version_.outputs = DeclaredTensors(parsed.config.outputs());
    version_.executable = std::make_unique<RecordingExecutable>(methods, &runs_, nullptr);
    version_.labels["y"] = {"cat", "dog"};
    return SetVision(parsed.config, ImageLimits(), version_);
  }

  std::vector<std::string> runs_;
  ServedVersion version_;
};

TEST_F(VersionVisionTest, EncodedInputsBecomeTensorsAndOthersStay) {
  ASSERT_OK(Set(kConfig));
  NamedValues inputs;
  inputs["x"] = Encoded({Bitmap(7)}, {});
  EXPECT_TRUE(HoldsImages(version_, 0, inputs));
  EXPECT_FALSE(HoldsImages(version_, 1, inputs));
  EXPECT_EQ(EncodedBytes(version_, inputs), 58);
  EXPECT_THAT(DecodeImages(version_, 0, inputs), IsOkAndHolds(true));
  EXPECT_THAT(inputs["x"].get_if<Tensor>()->shape, ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(ElementsOf(inputs["x"]), ElementsAre(7));
  EXPECT_FALSE(HoldsImages(version_, 0, inputs));
  EXPECT_THAT(DecodeImages(version_, 0, inputs), IsOkAndHolds(false));

  inputs["x"] = Encoded({Bitmap(1), Bitmap(2)}, {2, 1});
  EXPECT_THAT(DecodeImages(version_, 0, inputs), IsOkAndHolds(false));
  EXPECT_THAT(ElementsOf(inputs["x"]), ElementsAre(1, 2));
  List list;
  list.items = {Encoded({Bitmap(3)}, {}), Value{.data = Bitmap(4)}};
  inputs["x"].data = list;
  EXPECT_EQ(EncodedBytes(version_, inputs), 116);
  EXPECT_THAT(DecodeImages(version_, 0, inputs), IsOkAndHolds(false));
  EXPECT_THAT(ElementsOf(inputs["x"]), ElementsAre(3, 4));

  inputs["x"] = Encoded({"text"}, {});
  EXPECT_THAT(
      DecodeImages(version_, 0, inputs),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          HasSubstr("model \"m\" version 1.0: input \"x\": expected an encoded JPEG, PNG, WebP or BMP")));
}

TEST_F(VersionVisionTest, OutputsBecomeProbabilitiesAndClasses) {
  ASSERT_OK(Set(kConfig));
  NamedValues outputs;
  outputs["y"] = Floats({1, 2}, {0, 1000});
  ASSERT_OK(ActivateOutputs(version_, 0, outputs));
  EXPECT_THAT(ElementsOf(outputs["y"]), ElementsAre(0, 1));
  ASSERT_OK(AddClasses(version_, 0, true, outputs));
  const List& classes = *outputs["y_classes"].get_if<List>();
  ASSERT_EQ(classes.items.size(), 1u);
  EXPECT_EQ(*classes.items[0].get_if<Dict>()->entries[0].second.get_if<std::string>(), "dog");

  NamedValues of_another_method;
  ASSERT_OK(ActivateOutputs(version_, 1, of_another_method));
  ASSERT_OK(AddClasses(version_, 1, true, of_another_method));
  EXPECT_THAT(of_another_method, IsEmpty());
  EXPECT_THAT(ActivateOutputs(version_, 0, of_another_method),
              StatusIs(absl::StatusCode::kInternal,
                       HasSubstr("output \"y\": postprocess speaks of it, but the model")));
  of_another_method["y"].data = int64_t{1};
  EXPECT_THAT(ActivateOutputs(version_, 0, of_another_method),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("postprocess takes a tensor, got int")));
}

TEST_F(VersionVisionTest, AnOutputThatForwardDoesNotHaveIsRefused) {
  EXPECT_THAT(Set(R"({"version": "1", "postprocess": {"logits": {"softmax": true}}})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("forward has no output \"logits\"; its outputs: output")));
  EXPECT_OK(Set(R"({"version": "1", "postprocess": {"output": {"softmax": true}}})"));
}

}  // namespace
}  // namespace modeld
