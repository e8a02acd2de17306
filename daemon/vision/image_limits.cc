#include "daemon/vision/image_limits.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "registry/base/too_large.h"

namespace modeld {

absl::Status CheckImageLimits(const ImageHeader& header, size_t bytes, const ImageLimits& limits) {
  if (bytes > limits.max_bytes) {
    return TooLargeError(
        absl::StrCat("the image takes ", bytes, " bytes; at most ", limits.max_bytes, " are decoded"));
  }
  const std::string what = absl::StrCat("the ", std::string(ImageFormatName(header.format)), " has ",
                                        header.width, "x", header.height, " pixels");
  if (header.scans > limits.max_scans) {
    return TooLargeError(absl::StrCat("the JPEG has ", header.scans, " scans; at most ", limits.max_scans,
                                      " are decoded: save it as baseline"));
  }
  // Sides are below 2^32, so the comparison comes before the product.
  if (header.width > limits.max_pixels / header.height) {
    return TooLargeError(
        absl::StrCat(what, "; at most ", limits.max_pixels, " are decoded: send a smaller one"));
  }
  if (header.width > limits.max_side || header.height > limits.max_side) {
    return TooLargeError(
        absl::StrCat(what, "; at most ", limits.max_side, " a side are decoded: send a smaller one"));
  }
  const int64_t pixels = header.width * header.height;
  const auto encoded = static_cast<int64_t>(bytes);
  if (pixels > limits.free_pixels && pixels * 3 / limits.max_ratio > encoded) {
    return TooLargeError(
        absl::StrCat(what, " in ", bytes, " bytes, which is more than ", limits.max_ratio,
                     " decoded bytes for each: it is taken for a decompression bomb; send a smaller one"));
  }
  return absl::OkStatus();
}

}  // namespace modeld
