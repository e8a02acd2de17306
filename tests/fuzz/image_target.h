// The target of fuzzing: foreign bytes through the header's reader, the limits and the decoder.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "daemon/vision/image_header.h"
#include "daemon/vision/image_input.h"

namespace modeld {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// Aborts where what must hold of any bytes does not.
inline void TryImageBytes(const std::string& bytes) {
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(bytes);
  if (header.ok()) {
    Require(header->width >= 1 && header->height >= 1, "an image has pixels");
    Require(header->orientation >= 1 && header->orientation <= 8, "orientations are EXIF's");
    Require(header->channels >= 1 && header->channels <= 4, "one to four channels");
  }
  // Small, so that an image which gets past its header costs little.
  static const ImageInput* const input = [] {
    v1::ImagePreprocess config;
    config.mutable_resize()->set_width(8);
    config.mutable_resize()->set_height(8);
    return new ImageInput(config, DType::kFp32, {.max_pixels = 1 << 20});
  }();
  const absl::StatusOr<Tensor> tensor = input->ToTensor({&bytes, 1});
  Require(header.ok() || !tensor.ok(), "what has no header is not decoded");
  Require(
      tensor.ok() || absl::IsInvalidArgument(tensor.status()) || absl::IsResourceExhausted(tensor.status()),
      "errors have one of two codes");
}

}  // namespace modeld
