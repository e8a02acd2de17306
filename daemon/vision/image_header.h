// ImageHeader: what the bytes of an encoded image say of it, read without decoding. Pure functions; they
// touch a few hundred bytes of most images, and allocate nothing that depends on what these say.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace modeld {

enum class ImageFormat { kJpeg, kPng, kWebp, kBmp };

// "JPEG".
std::string_view ImageFormatName(ImageFormat format);

struct ImageHeader {
  ImageFormat format = ImageFormat::kJpeg;
  int64_t width = 0;  // in pixels as they are stored, before `orientation`; at least 1
  int64_t height = 0;
  int channels = 3;     // 1 grey, 2 grey and alpha, 3 colours (a palette's too), 4 colours and alpha, or CMYK
  int bit_depth = 8;    // of a sample
  int scans = 1;        // of a JPEG
  int orientation = 1;  // EXIF's, 1 to 8; 1 is upright. From 5 on width and height change places

  friend bool operator==(const ImageHeader&, const ImageHeader&) = default;
};

// By its first bytes alone: what begins as one of the four formats.
bool LooksLikeImage(std::string_view bytes);

// INVALID_ARGUMENT: no JPEG, PNG, WebP or BMP; truncated (the end of the image is looked for too); a header
// that contradicts itself or that no decoder here takes (lossless JPEG, JPEG of 12 bits, animated WebP). An
// EXIF block that cannot be read means upright. Never reads beyond `bytes`.
//
// Formats: ITU-T T.81 B.1; PNG (W3C) 5, 11; RFC 9649 (WebP), RFC 6386 9.1 (VP8); BITMAPINFOHEADER
// (Microsoft); EXIF 2.32 4.6.
absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes);

}  // namespace modeld
