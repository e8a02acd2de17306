// ImageInput: what a config's `preprocess` says of one input, made ready: from encoded images to a tensor.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "daemon/engine/tensor.h"
#include "daemon/vision/antialias.h"
#include "daemon/vision/image_limits.h"
#include "modeld/v1/model_config.pb.h"

namespace cv {
class Mat;
}

namespace modeld {

// How large images become: first width x height, then the window of it.
struct ResizePlan {
  int width = 0;
  int height = 0;
  PixelWindow window;
};

// Of an image that stands upright. `crop` as torchvision's Resize(shorter_side) and CenterCrop do it: the
// longer side is rounded down, the margins half to even. Pure. REQUIRES: sides of at least 1 and below 2^31.
ResizePlan PlanResize(int64_t width, int64_t height, const v1::Resize& resize);

// Constant after construction; thread-safe.
class ImageInput {
 public:
  // REQUIRES: `config` passed ParseModelConfig; `dtype` is FP32 or UINT8.
  ImageInput(const v1::ImagePreprocess& config, DType dtype, const ImageLimits& limits = {});

  // [N, C, H, W] or [N, H, W, C], of N encoded images; they are decoded one after another on this thread.
  // RESOURCE_EXHAUSTED: beyond the limits, which are checked of all of them first; or memory ran out. Else
  // INVALID_ARGUMENT: as ReadImageHeader and DecodeImage, or images of several sizes that are not resized.
  // Where there are several images the message begins with which: `image 2: …`.
  absl::StatusOr<Tensor> ToTensor(absl::Span<const std::string> images) const;

 private:
  struct Planned {
    ImageHeader header;
    ResizePlan plan;
  };
  absl::StatusOr<Planned> Plan(const std::string& bytes) const;
  absl::Status Fill(const std::string& bytes, const Planned& planned, uint8_t* slot) const;
  absl::StatusOr<cv::Mat> Resized(const cv::Mat& image, const ResizePlan& plan) const;
  // The one pass that makes the tensor's elements of samples.
  void Normalize(const cv::Mat& image, uint8_t* slot) const;
  template <typename T>
  void Write(const cv::Mat& image, const std::array<std::array<T, 256>, 3>& numbers, T* out) const;

  const v1::ImagePreprocess config_;
  const DType dtype_;
  const ImageLimits limits_;
  const int channels_;
  // What each of the 256 samples becomes, by the channel that it comes to.
  std::array<std::array<float, 256>, 3> numbers_;
};

}  // namespace modeld
