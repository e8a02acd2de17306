// DecodeImage: from encoded bytes to pixels that stand upright. Internal to the room: what includes it sees
// OpenCV.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/vision/image_header.h"

namespace cv {
class Mat;
}

namespace modeld {

// 8 bits a sample; BGR, or one channel where `gray`. `header`: ReadImageHeader's of these bytes. Takes memory
// for the pixels that it says, so the limits come before. INVALID_ARGUMENT: the bytes are damaged, or say
// otherwise than the header; RESOURCE_EXHAUSTED: memory ran out; also LoadImageDecoder's. Thread-safe;
// uses the calling thread only.
absl::StatusOr<cv::Mat> DecodeImage(std::string_view bytes, const ImageHeader& header, bool gray);

}  // namespace modeld
