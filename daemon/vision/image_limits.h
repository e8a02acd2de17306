// ImageLimits: what is refused by its header, before any memory is taken for its pixels. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "daemon/vision/image_header.h"

namespace modeld {

struct ImageLimits {
  size_t max_bytes = 64 << 20;             // of the encoded image
  int64_t max_pixels = int64_t{64} << 20;  // as decoded, and as resized before it is cut
  int64_t max_side = int64_t{1} << 20;     // OpenCV's own
  // Of a JPEG, each of which goes over all its pixels: encoders make about ten.
  int max_scans = 64;
  // Decoded bytes for each encoded one, of images with more than `free_pixels`: beyond are images of one
  // colour, and those made to take memory.
  int64_t max_ratio = 1000;
  int64_t free_pixels = int64_t{4} << 20;
  int64_t max_tensor_bytes = int64_t{1} << 30;  // of all images of an input together
};

// RESOURCE_EXHAUSTED says which limit, and by how much.
absl::Status CheckImageLimits(const ImageHeader& header, size_t bytes, const ImageLimits& limits);

}  // namespace modeld
