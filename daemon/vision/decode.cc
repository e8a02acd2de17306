#include "daemon/vision/decode.h"

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/vision/codecs.h"
#include "daemon/vision/opencv_errors.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

absl::Status Damaged(const ImageHeader& header, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the ", std::string(ImageFormatName(header.format)), " cannot be decoded", what));
}

// As the EXIF orientation says how it was stored.
cv::Mat Upright(cv::Mat image, int orientation) {
  if (orientation == 1) return image;
  cv::Mat turned;
  if (orientation >= 5) {
    cv::transpose(image, turned);
    image = turned;
    turned = cv::Mat();
  }
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(image, turned, 1);
      return turned;
    case 3:
    case 7:
      cv::flip(image, turned, -1);
      return turned;
    case 4:
    case 8:
      cv::flip(image, turned, 0);
      return turned;
    default:
      return image;
  }
}

}  // namespace

absl::StatusOr<cv::Mat> DecodeImage(std::string_view bytes, const ImageHeader& header, bool gray) {
  MODELD_ASSIGN_OR_RETURN(const ImageDecoder imdecode, LoadImageDecoder());
  return CatchOpenCv([&]() -> absl::StatusOr<cv::Mat> {
    // OpenCV reads from it only.
    const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
    const int flags = (gray ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR) | cv::IMREAD_IGNORE_ORIENTATION;
    cv::Mat image = imdecode(encoded, flags);
    if (image.empty()) return Damaged(header, ": its data is damaged");
    if (image.cols != header.width || image.rows != header.height) {
      return Damaged(header, absl::StrCat(": its header says ", header.width, "x", header.height,
                                          " pixels, its data ", image.cols, "x", image.rows));
    }
    return Upright(std::move(image), header.orientation);
  });
}

}  // namespace modeld
