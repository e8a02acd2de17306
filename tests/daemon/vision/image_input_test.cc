#include "daemon/vision/image_input.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "corpus.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}
auto IsBeyondLimits(const std::string& part) {
  return StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(part));
}

cv::Mat Picture(int width, int height) {
  cv::Mat image(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.at<cv::Vec3b>(y, x) = cv::Vec3b(x * 255 / width, y * 255 / height, (x * 31 + y * 17) % 256);
    }
  }
  return image;
}

std::string Encoded(const cv::Mat& image, const char* extension) {
  std::vector<uint8_t> bytes;
  cv::imencode(extension, image, bytes);
  return {bytes.begin(), bytes.end()};
}

v1::ImagePreprocess Config(int width, int height) {
  v1::ImagePreprocess config;
  if (width > 0) {
    config.mutable_resize()->set_width(width);
    config.mutable_resize()->set_height(height);
  }
  return config;
}

// (x / 255 - 0.5) / 0.5
v1::ImagePreprocess WithNumbers(v1::ImagePreprocess config) {
  config.set_scale(0.00392156862745098);
  for (int i = 0; i < 3; ++i) {
    config.add_mean(0.5);
    config.add_std(0.5);
  }
  return config;
}

absl::StatusOr<Tensor> ToTensor(const v1::ImagePreprocess& config, const std::vector<std::string>& images,
                                DType dtype = DType::kFp32) {
  return ImageInput(config, dtype).ToTensor(images);
}

std::vector<float> Floats(const Tensor& tensor) {
  const auto* const data = static_cast<const float*>(tensor.buffer.data);
  return {data, data + tensor.buffer.size / sizeof(float)};
}
std::vector<uint8_t> Bytes(const Tensor& tensor) {
  const auto* const data = static_cast<const uint8_t*>(tensor.buffer.data);
  return {data, data + tensor.buffer.size};
}

// What people write by hand: one call of OpenCV after the other.
std::vector<float> PlainSequence(const std::string& encoded, int width, int height) {
  const cv::Mat bytes(1, static_cast<int>(encoded.size()), CV_8UC1, const_cast<char*>(encoded.data()));
  cv::Mat image = cv::imdecode(bytes, cv::IMREAD_COLOR);
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  cv::resize(image, image, cv::Size(width, height));
  image.convertTo(image, CV_32FC3);
  image /= 255;
  image -= cv::Scalar::all(0.5);
  image /= 0.5;
  std::vector<float> planes;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) planes.push_back(image.at<cv::Vec3f>(y, x)[c]);
    }
  }
  return planes;
}

double MaxDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max<double>(most, std::abs(a[i] - b[i]));
  return most;
}

TEST(ImageInputTest, AsThePlainSequenceOfOpenCvCalls) {
  for (const char* extension : {".jpg", ".png", ".webp", ".bmp"}) {
    for (const auto& [width, height] :
         std::vector<std::pair<int, int>>{{1, 1}, {224, 224}, {1280, 720}, {97, 301}}) {
      const std::string encoded = Encoded(Picture(width, height), extension);
      ASSERT_OK_AND_ASSIGN(const Tensor tensor, ToTensor(WithNumbers(Config(224, 224)), {encoded}));
      EXPECT_THAT(tensor.shape, ElementsAre(1, 3, 224, 224));
      EXPECT_LE(MaxDifference(Floats(tensor), PlainSequence(encoded, 224, 224)), 1e-6)
          << extension << " " << width << "x" << height;
    }
  }
  // OpenCV turns JPEG upright by itself.
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string encoded = CorpusBytes(absl::StrCat("orientation_", orientation, ".jpg"));
    ASSERT_OK_AND_ASSIGN(const Tensor tensor, ToTensor(WithNumbers(Config(9, 5)), {encoded}));
    EXPECT_LE(MaxDifference(Floats(tensor), PlainSequence(encoded, 9, 5)), 1e-6) << orientation;
  }
}

TEST(ImageInputTest, EveryKindDecodesOrIsRefusedAsItsNameSays) {
  for (const CorpusFile& file : Corpus()) {
    const absl::StatusOr<Tensor> tensor = ToTensor(Config(4, 4), {file.bytes});
    if (file.name == "refused_huge.png") {
      EXPECT_THAT(tensor, IsBeyondLimits("the PNG has 60000x60000 pixels; at most 67108864 are decoded"));
    } else if (absl::StartsWith(file.name, "refused_")) {
      EXPECT_THAT(tensor, IsRefused("")) << file.name;
    } else if (absl::StartsWith(file.name, "damaged_")) {
      EXPECT_THAT(tensor, IsRefused("the PNG cannot be decoded")) << file.name;
    } else {
      EXPECT_OK(tensor) << file.name;
    }
  }
}

TEST(ImageInputTest, OrientationHoldsForEveryFormat) {
  for (const char* name : {"orientation_6.png", "orientation_6.webp", "orientation_6.jpg"}) {
    ASSERT_OK_AND_ASSIGN(const Tensor tensor, ToTensor(Config(0, 0), {CorpusBytes(name)}, DType::kUint8));
    EXPECT_THAT(tensor.shape, ElementsAre(1, 3, 13, 7)) << name;
    // Turned by 90°, the picture's red grows from top to bottom, and its green from right to left.
    const std::vector<uint8_t> samples = Bytes(tensor);
    EXPECT_LT(samples[3], samples[12 * 7 + 3]) << name;
    EXPECT_GT(samples[91], samples[91 + 6]) << name;
  }
}

TEST(ImageInputTest, GreyAlphaAnd16Bits) {
  ASSERT_OK_AND_ASSIGN(const Tensor rgb, ToTensor(Config(0, 0), {CorpusBytes("rgb.png")}, DType::kUint8));
  ASSERT_OK_AND_ASSIGN(const Tensor rgba, ToTensor(Config(0, 0), {CorpusBytes("rgba.png")}, DType::kUint8));
  EXPECT_EQ(Bytes(rgb), Bytes(rgba));
  // 256, 512, 768 and 65535, 0, 32768.
  ASSERT_OK_AND_ASSIGN(const Tensor deep, ToTensor(Config(0, 0), {CorpusBytes("rgb16.png")}, DType::kUint8));
  EXPECT_THAT(Bytes(deep), ElementsAre(1, 255, 2, 0, 3, 128));
  // A grey image has three equal channels; a coloured one is made grey where that is asked for.
  ASSERT_OK_AND_ASSIGN(const Tensor grey, ToTensor(Config(0, 0), {CorpusBytes("l.png")}, DType::kUint8));
  EXPECT_THAT(grey.shape, ElementsAre(1, 3, 7, 13));
  v1::ImagePreprocess gray = Config(0, 0);
  gray.set_color("GRAY");
  ASSERT_OK_AND_ASSIGN(const Tensor one, ToTensor(gray, {CorpusBytes("l.png")}, DType::kUint8));
  EXPECT_THAT(one.shape, ElementsAre(1, 1, 7, 13));
  const std::vector<uint8_t> three = Bytes(grey);
  EXPECT_EQ(Bytes(one), std::vector<uint8_t>(three.begin(), three.begin() + 91));
  EXPECT_EQ(Bytes(one), std::vector<uint8_t>(three.begin() + 91, three.begin() + 182));
  ASSERT_OK_AND_ASSIGN(const Tensor of_colours, ToTensor(gray, {CorpusBytes("rgb.png")}, DType::kUint8));
  for (size_t i = 0; i < 91; ++i) {
    const std::vector<uint8_t> colours = Bytes(rgb);
    EXPECT_NEAR(Bytes(of_colours)[i], 0.299 * colours[i] + 0.587 * colours[91 + i] + 0.114 * colours[182 + i],
                1.5);
  }
}

TEST(ImageInputTest, ColoursAndLayouts) {
  cv::Mat pixels(1, 2, CV_8UC3);
  pixels.at<cv::Vec3b>(0, 0) = cv::Vec3b(1, 2, 3);  // blue, green, red
  pixels.at<cv::Vec3b>(0, 1) = cv::Vec3b(4, 5, 6);
  const std::string encoded = Encoded(pixels, ".png");
  v1::ImagePreprocess config = Config(0, 0);
  EXPECT_THAT(Bytes(*ToTensor(config, {encoded}, DType::kUint8)), ElementsAre(3, 6, 2, 5, 1, 4));
  config.set_color("BGR");
  EXPECT_THAT(Bytes(*ToTensor(config, {encoded}, DType::kUint8)), ElementsAre(1, 4, 2, 5, 3, 6));
  config.set_layout("NHWC");
  const Tensor tensor = *ToTensor(config, {encoded}, DType::kUint8);
  EXPECT_THAT(Bytes(tensor), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(tensor.shape, ElementsAre(1, 1, 2, 3));
  config.set_scale(2);
  for (const double mean : {1, 2, 3}) config.add_mean(mean);
  config.add_std(0.5);
  EXPECT_THAT(Floats(*ToTensor(config, {encoded})), ElementsAre(2, 4, 6, 14, 16, 18));
}

TEST(ImageInputTest, SeveralImagesAreOneBatch) {
  const std::string a = Encoded(Picture(30, 20), ".png"), b = Encoded(Picture(5, 50), ".png");
  const v1::ImagePreprocess config = WithNumbers(Config(8, 6));
  ASSERT_OK_AND_ASSIGN(const Tensor both, ToTensor(config, {a, b}));
  EXPECT_THAT(both.shape, ElementsAre(2, 3, 6, 8));
  std::vector<float> expected = Floats(*ToTensor(config, {a}));
  const std::vector<float> second = Floats(*ToTensor(config, {b}));
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_EQ(Floats(both), expected);

  EXPECT_THAT(ToTensor(config, {}), IsRefused("expected at least one encoded image, got none"));
  EXPECT_THAT(ToTensor(config, {a, "text"}), IsRefused("image 1: expected an encoded JPEG"));
  EXPECT_THAT(ToTensor(Config(0, 0), {a, b}), IsRefused("image 1 has 5x50 pixels, image 0 30x20"));
  EXPECT_OK(ToTensor(Config(0, 0), {a, a}));
}

TEST(ImageInputTest, LimitsHoldBeforeAnythingIsDecoded) {
  const v1::ImagePreprocess config = Config(8, 8);
  const std::string image = Encoded(Picture(100, 100), ".png");
  EXPECT_THAT(ImageInput(config, DType::kFp32, {.max_pixels = 9999}).ToTensor({&image, 1}),
              IsBeyondLimits("the PNG has 100x100 pixels; at most 9999"));
  EXPECT_THAT(ImageInput(config, DType::kFp32, {.max_tensor_bytes = 1000})
                  .ToTensor(std::vector<std::string>(2, image)),
              IsBeyondLimits("2 images of 768 bytes each as a tensor are more than the 1000"));
  // One row of many pixels becomes a picture of very many, were it resized in proportion.
  v1::ImagePreprocess crop = Config(224, 224);
  crop.mutable_resize()->set_mode("crop");
  EXPECT_THAT(ToTensor(crop, {Encoded(cv::Mat(1, 60'000, CV_8UC3, cv::Scalar(1, 2, 3)), ".png")}),
              IsBeyondLimits("becomes one of 13440000x224 before it is cut"));
}

TEST(ImageInputTest, TheLargestThatIsTaken) {
  const std::string large = Encoded(cv::Mat(6000, 8000, CV_8UC3, cv::Scalar(10, 20, 30)), ".jpg");
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, ToTensor(Config(4, 4), {large}, DType::kUint8));
  const std::vector<uint8_t> samples = Bytes(tensor);
  EXPECT_THAT(samples, Each(AllOf(::testing::Ge(8), ::testing::Le(32))));
  // The same in a format that packs it a thousandfold is taken for a bomb.
  EXPECT_THAT(ToTensor(Config(4, 4), {Encoded(cv::Mat(6000, 8000, CV_8UC3, cv::Scalar(0, 0, 0)), ".webp")}),
              IsBeyondLimits("it is taken for a decompression bomb"));
}

TEST(PlanResizeTest, AsTorchvision) {
  v1::Resize resize;
  resize.set_width(224);
  resize.set_height(224);
  const auto plan = [&](int64_t width, int64_t height) {
    const ResizePlan plan = PlanResize(width, height, resize);
    return std::vector<int>{plan.width,    plan.height,       plan.window.x,
                            plan.window.y, plan.window.width, plan.window.height};
  };
  EXPECT_THAT(plan(1280, 720), ElementsAre(224, 224, 0, 0, 224, 224));
  resize.set_mode("crop");
  EXPECT_THAT(plan(1280, 720), ElementsAre(398, 224, 87, 0, 224, 224));
  resize.set_shorter_side(256);
  EXPECT_THAT(plan(1280, 720),
              ElementsAre(455, 256, 116, 16, 224, 224));  // int(256 * 1280 / 720), round(115.5)
  EXPECT_THAT(plan(720, 1280), ElementsAre(256, 455, 16, 116, 224, 224));
  EXPECT_THAT(plan(256, 257), ElementsAre(256, 257, 16, 16, 224, 224));  // round(16.5)
}

TEST(ImageInputTest, AntialiasingCutsTheSameWindow) {
  const std::string encoded = Encoded(Picture(90, 60), ".png");
  v1::ImagePreprocess config = Config(20, 20);
  config.mutable_resize()->set_mode("crop");
  config.mutable_resize()->set_interpolation("area");
  ASSERT_OK_AND_ASSIGN(const Tensor area, ToTensor(config, {encoded}));
  for (const char* interpolation : {"antialias_linear", "antialias_cubic"}) {
    config.mutable_resize()->set_interpolation(interpolation);
    ASSERT_OK_AND_ASSIGN(const Tensor tensor, ToTensor(config, {encoded}));
    const std::vector<float> a = Floats(tensor), b = Floats(area);
    double sum = 0;
    for (size_t i = 0; i < 800; ++i)
      sum += std::abs(a[400 + i] - b[400 + i]);  // green and blue, which are smooth
    EXPECT_LT(sum / 800, 2) << interpolation;
  }
}

}  // namespace
}  // namespace modeld
