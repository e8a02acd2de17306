// Codecs: OpenCV's decoders of images, loaded when the first model of images is.
#pragma once

#include "absl/status/statusor.h"

namespace cv {
class Mat;
class _InputArray;
}  // namespace cv

namespace modeld {

// cv::imdecode.
using ImageDecoder = cv::Mat (*)(const cv::_InputArray& encoded, int flags);

// They are not linked: with them come some hundred libraries (those of GDAL, which other formats need), and
// for them every process, each probe too, would start later and take more memory. The first call takes a
// tenth of a second or more, the others nothing. FAILED_PRECONDITION: the library is not installed, or is
// another than the daemon was built with. Thread-safe.
absl::StatusOr<ImageDecoder> LoadImageDecoder();

}  // namespace modeld
