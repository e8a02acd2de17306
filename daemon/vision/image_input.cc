#include "daemon/vision/image_input.h"

#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/vision/decode.h"
#include "daemon/vision/opencv_errors.h"
#include "registry/base/status_macros.h"
#include "registry/base/too_large.h"

namespace modeld {
namespace {

// Python's round.
int HalfToEven(int doubled) {
  const int down = doubled / 2;
  return doubled % 2 == 0 ? down : down + down % 2;
}

double NumberOf(const google::protobuf::RepeatedField<double>& numbers, int channel, double otherwise) {
  if (numbers.empty()) return otherwise;
  return numbers[numbers.size() == 1 ? 0 : channel];
}

int InterpolationOf(const std::string& name) {
  if (name == "nearest") return cv::INTER_NEAREST;
  if (name == "cubic") return cv::INTER_CUBIC;
  if (name == "area") return cv::INTER_AREA;
  return cv::INTER_LINEAR;
}

absl::Status OfImage(const absl::Status& status, size_t index, size_t count) {
  if (count == 1) return status;
  return absl::Status(status.code(), absl::StrCat("image ", index, ": ", status.message()));
}

}  // namespace

ResizePlan PlanResize(int64_t width, int64_t height, const v1::Resize& resize) {
  ResizePlan plan{.width = resize.width(),
                  .height = resize.height(),
                  .window = {.x = 0, .y = 0, .width = resize.width(), .height = resize.height()}};
  if (resize.mode() != "crop") return plan;
  const int64_t shorter =
      resize.shorter_side() > 0 ? resize.shorter_side() : std::max(resize.width(), resize.height());
  // Sides are below 2^31 and the target below 2^13.
  const int64_t longer = shorter * std::max(width, height) / std::min(width, height);
  const int64_t most = std::numeric_limits<int>::max();
  plan.width = static_cast<int>(std::min(width <= height ? shorter : longer, most));
  plan.height = static_cast<int>(std::min(width <= height ? longer : shorter, most));
  plan.window.x = HalfToEven(plan.width - resize.width());
  plan.window.y = HalfToEven(plan.height - resize.height());
  return plan;
}

ImageInput::ImageInput(const v1::ImagePreprocess& config, DType dtype, const ImageLimits& limits)
    : config_(config), dtype_(dtype), limits_(limits), channels_(config.color() == "GRAY" ? 1 : 3) {
  const double scale = config.scale() == 0 ? 1 : config.scale();
  for (int c = 0; c < 3; ++c) {
    const double mean = c < channels_ ? NumberOf(config.mean(), c, 0) : 0;
    const double std = c < channels_ ? NumberOf(config.std(), c, 1) : 1;
    for (int sample = 0; sample < 256; ++sample) {
      numbers_[c][sample] = static_cast<float>((sample * scale - mean) / std);
    }
  }
}

absl::StatusOr<ImageInput::Planned> ImageInput::Plan(const std::string& bytes) const {
  MODELD_ASSIGN_OR_RETURN(const ImageHeader header, ReadImageHeader(bytes));
  MODELD_RETURN_IF_ERROR(CheckImageLimits(header, bytes.size(), limits_));
  const bool lies = header.orientation >= 5;
  const int64_t width = lies ? header.height : header.width, height = lies ? header.width : header.height;
  Planned planned{.header = header, .plan = {}};
  if (!config_.has_resize()) {
    const int w = static_cast<int>(width), h = static_cast<int>(height);
    planned.plan = {.width = w, .height = h, .window = {.x = 0, .y = 0, .width = w, .height = h}};
    return planned;
  }
  planned.plan = PlanResize(width, height, config_.resize());
  if (planned.plan.width > limits_.max_pixels / planned.plan.height) {
    return TooLargeError(absl::StrCat("the image of ", width, "x", height, " pixels becomes one of ",
                                      planned.plan.width, "x", planned.plan.height,
                                      " before it is cut; at most ", limits_.max_pixels,
                                      " pixels are allowed: send one of a less extreme shape"));
  }
  return planned;
}

absl::StatusOr<Tensor> ImageInput::ToTensor(absl::Span<const std::string> images) const {
  if (images.empty()) return absl::InvalidArgumentError("expected at least one encoded image, got none");
  std::vector<Planned> all;
  for (size_t i = 0; i < images.size(); ++i) {
    const absl::StatusOr<Planned> planned = Plan(images[i]);
    if (!planned.ok()) return OfImage(planned.status(), i, images.size());
    all.push_back(*planned);
    const PixelWindow &window = all[i].plan.window, &first = all[0].plan.window;
    if (window.width == first.width && window.height == first.height) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("image ", i, " has ", window.width, "x", window.height, " pixels, image 0 ", first.width,
                     "x", first.height, "; without \"resize\" in config.json all must have the same size"));
  }
  const PixelWindow& window = all[0].plan.window;
  const auto count = static_cast<int64_t>(images.size());
  const int64_t elements = int64_t{channels_} * window.height * window.width;
  const int64_t slot_bytes = elements * (dtype_ == DType::kUint8 ? 1 : 4);
  if (count > limits_.max_tensor_bytes / slot_bytes) {
    return TooLargeError(absl::StrCat(count, " images of ", slot_bytes,
                                      " bytes each as a tensor are more than the ", limits_.max_tensor_bytes,
                                      " that are allowed; send fewer"));
  }
  Tensor tensor;
  tensor.dtype = dtype_;
  tensor.shape = config_.layout() == "NHWC"
                     ? std::vector<int64_t>{count, window.height, window.width, channels_}
                     : std::vector<int64_t>{count, channels_, window.height, window.width};
  tensor.buffer = Buffer::Allocate(static_cast<size_t>(count * slot_bytes));
  auto* slot = static_cast<uint8_t*>(tensor.buffer.data);
  for (size_t i = 0; i < images.size(); ++i, slot += slot_bytes) {
    if (const absl::Status filled = Fill(images[i], all[i], slot); !filled.ok()) {
      return OfImage(filled, i, images.size());
    }
  }
  return tensor;
}

absl::Status ImageInput::Fill(const std::string& bytes, const Planned& planned, uint8_t* slot) const {
  MODELD_ASSIGN_OR_RETURN(const cv::Mat image, DecodeImage(bytes, planned.header, channels_ == 1));
  return CatchOpenCv([&]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const cv::Mat resized, Resized(image, planned.plan));
    Normalize(resized, slot);
    return absl::OkStatus();
  });
}

absl::StatusOr<cv::Mat> ImageInput::Resized(const cv::Mat& image, const ResizePlan& plan) const {
  const PixelWindow& window = plan.window;
  const cv::Rect cut(window.x, window.y, window.width, window.height);
  if (image.cols == plan.width && image.rows == plan.height) return image(cut);
  const std::string& interpolation = config_.resize().interpolation();
  if (interpolation == "antialias_linear" || interpolation == "antialias_cubic") {
    const PixelView view{.data = image.data,
                         .row_bytes = image.step,
                         .width = image.cols,
                         .height = image.rows,
                         .channels = channels_};
    const std::vector<uint8_t> pixels = ResizeAntialias(
        view, plan.width, plan.height, window,
        interpolation == "antialias_linear" ? AntialiasFilter::kLinear : AntialiasFilter::kCubic);
    return cv::Mat(window.height, window.width, image.type(), const_cast<uint8_t*>(pixels.data())).clone();
  }
  cv::Mat resized;
  cv::resize(image, resized, cv::Size(plan.width, plan.height), 0, 0, InterpolationOf(interpolation));
  return resized(cut);
}

void ImageInput::Normalize(const cv::Mat& image, uint8_t* slot) const {
  if (dtype_ != DType::kUint8) return Write(image, numbers_, reinterpret_cast<float*>(slot));
  static const std::array<std::array<uint8_t, 256>, 3> kAsTheyAre = [] {
    std::array<std::array<uint8_t, 256>, 3> numbers;
    for (auto& of_channel : numbers) {
      for (int i = 0; i < 256; ++i) of_channel[i] = static_cast<uint8_t>(i);
    }
    return numbers;
  }();
  Write(image, kAsTheyAre, slot);
}

template <typename T>
void ImageInput::Write(const cv::Mat& image, const std::array<std::array<T, 256>, 3>& numbers, T* out) const {
  const size_t width = image.cols, height = image.rows, plane = width * height;
  const bool planar = config_.layout() != "NHWC";
  if (channels_ == 1) {
    for (size_t y = 0; y < height; ++y) {
      const uint8_t* const row = image.ptr<uint8_t>(static_cast<int>(y));
      for (size_t x = 0; x < width; ++x) *out++ = numbers[0][row[x]];
    }
    return;
  }
  // Where the first channel's sample lies in a pixel of OpenCV's, which is BGR.
  const size_t from[3] = {config_.color() == "BGR" ? 0u : 2u, 1u, config_.color() == "BGR" ? 2u : 0u};
  const size_t next = planar ? 1 : 3;
  T* const to[3] = {out, out + (planar ? plane : 1), out + 2 * (planar ? plane : 1)};
  for (size_t y = 0; y < height; ++y) {
    const uint8_t* pixel = image.ptr<uint8_t>(static_cast<int>(y));
    size_t at = y * width * next;
    for (size_t x = 0; x < width; ++x, pixel += 3, at += next) {
      to[0][at] = numbers[0][pixel[from[0]]];
      to[1][at] = numbers[1][pixel[from[1]]];
      to[2][at] = numbers[2][pixel[from[2]]];
    }
  }
}

}  // namespace modeld
