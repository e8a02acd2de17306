#include "registry/vision_config.h"

#include <string>
#include <utility>

#include "registry/model_config.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}

void ExpectRefused(const std::vector<std::pair<std::string, std::string>>& cases) {
  for (const auto& [json, part] : cases) {
    EXPECT_THAT(ParseModelConfig(json), IsRefused(part)) << json;
  }
}

constexpr char kWhole[] = R"({
  "version": "1",
  "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 3, 224, 224]}],
  "outputs": [{"name": "logits", "dtype": "FP32", "shape": [-1, 10], "labels": "labels.txt"}],
  "preprocess": {"x": {"image": {
    "color": "RGB", "resize": {"width": 224, "height": 224, "mode": "crop", "shorter_side": 256,
                               "interpolation": "antialias_linear"},
    "scale": 0.00392156862745098, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}},
  "postprocess": {"logits": {"softmax": true, "top_k": 5}}})";

TEST(VisionConfigTest, TheWhole) {
  ASSERT_OK_AND_ASSIGN(const ParsedConfig parsed, ParseModelConfig(kWhole));
  const v1::ImagePreprocess& image = parsed.config.preprocess().at("x").image();
  EXPECT_EQ(image.resize().shorter_side(), 256);
  EXPECT_THAT(image.mean(), ElementsAre(0.485, 0.456, 0.406));
  EXPECT_EQ(parsed.config.postprocess().at("logits").top_k(), 5);
  EXPECT_EQ(parsed.config.outputs(0).labels(), "labels.txt");
}

TEST(VisionConfigTest, WhatIsNotDeclaredIsDeclaredAsImagesBecome) {
  ASSERT_OK_AND_ASSIGN(const ParsedConfig whole, ParseModelConfig(R"({"version": "1", "preprocess": {
    "x": {"image": {"resize": {"width": 20, "height": 10}}}, "a": {"image": {"color": "GRAY", "layout": "NHWC"}}}})"));
  ASSERT_EQ(whole.config.inputs_size(), 2);
  EXPECT_EQ(whole.config.inputs(0).name(), "a");
  EXPECT_THAT(whole.config.inputs(0).shape(), ElementsAre(-1, -1, -1, 1));
  EXPECT_EQ(whole.config.inputs(1).dtype(), "FP32");
  EXPECT_THAT(whole.config.inputs(1).shape(), ElementsAre(-1, 3, 10, 20));
  EXPECT_THAT(whole.canonical_json, ::testing::Not(HasSubstr("inputs")));

  ASSERT_OK_AND_ASSIGN(const ParsedConfig half, ParseModelConfig(R"({"version": "1", "preprocess": {
    "x": {"image": {}}}, "inputs": [{"name": "x", "dtype": "UINT8"}, {"name": "y"}]})"));
  EXPECT_EQ(half.config.inputs(0).dtype(), "UINT8");
  EXPECT_THAT(half.config.inputs(0).shape(), ElementsAre(-1, 3, -1, -1));
  EXPECT_TRUE(half.config.inputs(1).shape().empty());
}

TEST(VisionConfigTest, ImpossiblePreprocessingIsRefused) {
  const auto image = [](const std::string& fields) {
    return R"({"version": "1", "preprocess": {"x": {"image": {)" + fields + "}}}}";
  };
  const auto resize = [&](const std::string& fields) {
    return image(R"("resize": {"width": 20, "height": 10, )" + fields + "}");
  };
  ExpectRefused({
      {R"({"preprocess": {"x": {}}})", "field \"preprocess.x\": expected what becomes of it"},
      {R"({"preprocess": []})", "field \"preprocess\": expected an object, got an array"},
      {R"({"preprocess": {"x": {"img": {}}}})", "unknown key \"preprocess.x.img\" (did you mean \"image\"?)"},
      {image(R"("color": "rgb")"),
       "field \"preprocess.x.image.color\": unknown color \"rgb\" (did you mean \"RGB\"?); expected \"RGB\" "
       "or "
       "\"BGR\" or \"GRAY\""},
      {image(R"("layout": "CHW")"), "field \"preprocess.x.image.layout\": unknown layout \"CHW\""},
      {image(R"("mean": [1, 2])"),
       "field \"preprocess.x.image.mean\": expected 3 numbers, or one for all channels, got 2"},
      {image(R"("color": "GRAY", "std": [1, 2])"),
       "field \"preprocess.x.image.std\": expected 1 number, got 2"},
      {image(R"("std": [1, 0, 1])"), "field \"preprocess.x.image.std[1]\": 0 would divide by zero"},
      {image(R"("resize": {"width": 20})"),
       "field \"preprocess.x.image.resize.height\": expected 1 to 8192 pixels, got 0"},
      {image(R"("resize": {"width": 9000, "height": 1})"),
       "\"preprocess.x.image.resize.width\": expected 1 to 8192"},
      {resize(R"("mode": "strech")"),
       "unknown mode \"strech\" (did you mean \"stretch\"?); expected \"stretch\" or \"crop\""},
      {resize(R"("interpolation": "bilinear")"), "unknown interpolation \"bilinear\""},
      {resize(R"("shorter_side": 30)"),
       "\"preprocess.x.image.resize.shorter_side\": it has a meaning for the mode \"crop\" only"},
      {resize(R"("mode": "crop", "shorter_side": 15)"),
       "expected at least 20, the longer of width and height, got 15"},
  });
}

TEST(VisionConfigTest, DeclaredInputsHaveToAgree) {
  const auto declared = [](const std::string& input, const std::string& more = "") {
    return R"({"version": "1", "inputs": [)" + input + R"(], "preprocess": {"x": {"image": {)" + more +
           R"("resize": {"width": 20, "height": 10}}}}})";
  };
  ExpectRefused({
      {declared(R"({"name": "pixels"})"),
       "field \"preprocess.x\": \"x\" is not among inputs; declared: pixels"},
      {declared(R"({"name": "x", "dtype": "INT64"})"), "field \"inputs[0].dtype\": expected FP32 or UINT8"},
      {declared(R"({"name": "x", "dtype": "UINT8"})", R"("scale": 0.5, )"),
       "scale, mean and std make no UINT8"},
      {declared(R"({"name": "x", "shape": [-1, 3, 20, 10]})"),
       "field \"inputs[0].shape\": expected [-1, 3, 10, 20], which images become by \"preprocess.x.image\", "
       "got "
       "[-1, 3, 20, 10]"},
      {declared(R"({"name": "x", "shape": [3, 10, 20]})"),
       "field \"inputs[0].shape\": expected [-1, 3, 10, 20]"},
      {declared(R"({"name": "x", "labels": "labels.txt"})"),
       "field \"inputs[0].labels\": only outputs have labels"},
  });
  EXPECT_OK(ParseModelConfig(declared(R"({"name": "x", "dtype": "FP32", "shape": [8, 3, -1, 20]})")));
}

TEST(VisionConfigTest, ImpossiblePostprocessingIsRefused) {
  const auto outputs = [](const std::string& output, const std::string& rule) {
    return R"({"version": "1", "outputs": [{"name": "y", )" + output + R"(}], "postprocess": )" + rule + "}";
  };
  ExpectRefused({
      {R"({"postprocess": {"y": {"softmax": true, "sigmoid": true}}})",
       "field \"postprocess.y.sigmoid\": softmax is asked for too; expected one of them"},
      {R"({"postprocess": {"y": {"top_k": -1}}})",
       "field \"postprocess.y.top_k\": expected 0 to 10000, got -1"},
      {outputs(R"("dtype": "FP32")", R"({"z": {"softmax": true}})"),
       "field \"postprocess.z\": \"z\" is not among outputs"},
      {outputs(R"("dtype": "INT64")", R"({"y": {"softmax": true}})"),
       "field \"postprocess.y\": it takes floating-point outputs; \"y\" is declared as INT64"},
      {outputs(R"("labels": "a", "label_names": ["b"])", "{}"),
       "field \"outputs[0].label_names\": the labels are given"},
      {outputs(R"("shape": [-1, 3], "label_names": ["b"])", "{}"),
       "there are 1 labels, but the last dimension of output \"y\" is 3"},
  });
}

}  // namespace
}  // namespace modeld
