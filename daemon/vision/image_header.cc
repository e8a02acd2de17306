#include "daemon/vision/image_header.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/vision/byte_reader.h"
#include "daemon/vision/exif.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n"sv;
constexpr std::string_view kJpegStart = "\xFF\xD8\xFF"sv;
constexpr std::string_view kExif = "Exif\0\0"sv;

absl::Status Bad(ImageFormat format, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("the ", std::string(ImageFormatName(format)), " ", what));
}
absl::Status Truncated(ImageFormat format) { return Bad(format, "is truncated"); }

bool IsWebp(std::string_view bytes) {
  return bytes.size() >= 12 && bytes.substr(0, 4) == "RIFF" && bytes.substr(8, 4) == "WEBP";
}

absl::StatusOr<ImageHeader> Checked(const ImageHeader& header) {
  if (header.width >= 1 && header.height >= 1) return header;
  return Bad(header.format, absl::StrCat("says that it has ", header.width, "x", header.height, " pixels"));
}

// --- JPEG ---

bool IsFrame(uint32_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

absl::Status ReadFrame(uint32_t marker, std::string_view segment, ImageHeader* header) {
  ByteReader frame(segment);
  header->bit_depth = static_cast<int>(frame.Big(1));
  header->height = frame.Big(2);
  header->width = frame.Big(2);
  header->channels = static_cast<int>(frame.Big(1));
  if (!frame.ok()) return Bad(header->format, "has a broken frame header");
  // Baseline, extended, progressive; C9 and CA: with arithmetic coding.
  const bool taken = marker <= 0xC2 || marker == 0xC9 || marker == 0xCA;
  if (!taken)
    return Bad(header->format, "is lossless or hierarchical, which is not supported; save it as baseline");
  if (header->bit_depth != 8) {
    return Bad(header->format, absl::StrCat("has ", header->bit_depth, " bits a sample; expected 8"));
  }
  if (header->channels != 1 && header->channels != 3 && header->channels != 4) {
    return Bad(header->format, absl::StrCat("has ", header->channels, " components; expected 1, 3 or 4"));
  }
  return absl::OkStatus();
}

// `data`: from where the first scan's begins. In a scan every FF is followed by 00, or by a restart marker.
int CountScans(std::string_view data) {
  int scans = 1;
  size_t at = 0;
  while ((at = data.find('\xFF', at)) != std::string_view::npos && at + 1 < data.size()) {
    const auto marker = static_cast<uint8_t>(data[at + 1]);
    if (marker == 0xFF) {  // fill bytes
      ++at;
      continue;
    }
    at += 2;
    if (marker == 0xD9) break;
    if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;
    if (marker == 0xDA) ++scans;
    ByteReader segment(data.substr(at));
    at += segment.Big(2);
  }
  return scans;
}

absl::StatusOr<ImageHeader> ReadJpeg(std::string_view bytes) {
  ImageHeader header{.format = ImageFormat::kJpeg};
  ByteReader reader(bytes);
  reader.Skip(2);
  bool has_frame = false;
  while (reader.ok()) {
    if (reader.Big(1) != 0xFF) {
      if (!reader.ok()) break;
      return Bad(header.format, absl::StrCat("has no marker at byte ", reader.position() - 1));
    }
    uint32_t marker = reader.Big(1);
    while (marker == 0xFF && reader.ok()) marker = reader.Big(1);        // fill bytes
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;  // these stand alone
    if (marker == 0xD9) return Bad(header.format, "ends before its image data");
    const uint32_t length = reader.Big(2);
    if (reader.ok() && length < 2) return Bad(header.format, "has a segment without its length");
    const std::string_view segment = reader.Take(length - std::min(length, 2u));
    if (!reader.ok()) break;
    if (IsFrame(marker)) {
      if (has_frame) return Bad(header.format, "has two frame headers");
      has_frame = true;
      const absl::Status read = ReadFrame(marker, segment, &header);
      if (!read.ok()) return read;
    } else if (marker == 0xE1 && segment.substr(0, kExif.size()) == kExif) {
      header.orientation = ExifOrientation(segment.substr(kExif.size()));
    } else if (marker == 0xDA) {  // start of scan
      if (!has_frame) return Bad(header.format, "has no frame header before its image data");
      // In image data every FF is followed by 00, so this is the end of the image and nothing else.
      if (bytes.find("\xFF\xD9"sv, reader.position()) == std::string_view::npos) break;
      header.scans = CountScans(bytes.substr(reader.position()));
      return Checked(header);
    }
  }
  return Truncated(header.format);
}

// --- PNG ---

absl::StatusOr<ImageHeader> ReadPng(std::string_view bytes) {
  ImageHeader header{.format = ImageFormat::kPng};
  ByteReader reader(bytes);
  reader.Skip(kPngSignature.size());
  for (bool first = true; reader.ok(); first = false) {
    const uint32_t length = reader.Big(4);
    const std::string_view type = reader.Take(4);
    const std::string_view data = reader.Take(length);
    reader.Skip(4);  // checksum
    if (!reader.ok()) break;
    if (first != (type == "IHDR")) return Bad(header.format, "does not begin with its header, or has two");
    if (first) {
      ByteReader fields(data);
      header.width = fields.Big(4);
      header.height = fields.Big(4);
      header.bit_depth = static_cast<int>(fields.Big(1));
      const uint32_t colors = fields.Big(1);
      if (!fields.ok() || colors > 6 || colors == 1 || colors == 5) {
        return Bad(header.format, absl::StrCat("has the unknown colour type ", colors));
      }
      constexpr int kChannels[] = {1, 0, 3, 3, 2, 0, 4};
      header.channels = kChannels[colors];
    } else if (type == "eXIf") {
      header.orientation = ExifOrientation(data);
    } else if (type == "IEND") {
      return Checked(header);
    }
  }
  return Truncated(header.format);
}

// --- WebP ---

struct WebpSize {
  int64_t width = 0;
  int64_t height = 0;
  bool alpha = false;
};

absl::StatusOr<WebpSize> ReadVp8(std::string_view data) {
  ByteReader frame(data);
  const uint32_t tag = frame.Little(3);
  const uint32_t start = frame.Big(3);
  const WebpSize size{.width = frame.Little(2) & 0x3FFF, .height = frame.Little(2) & 0x3FFF};
  if (!frame.ok() || (tag & 1) != 0 || start != 0x9D012A)
    return Bad(ImageFormat::kWebp, "has a broken frame header");
  return size;
}

absl::StatusOr<WebpSize> ReadVp8Lossless(std::string_view data) {
  ByteReader frame(data);
  const uint32_t signature = frame.Little(1), fields = frame.Little(4);
  if (!frame.ok() || signature != 0x2F) return Bad(ImageFormat::kWebp, "has a broken frame header");
  return WebpSize{.width = (fields & 0x3FFF) + 1,
                  .height = (fields >> 14 & 0x3FFF) + 1,
                  .alpha = (fields >> 28 & 1) != 0};
}

absl::StatusOr<ImageHeader> ReadWebp(std::string_view bytes) {
  ImageHeader header{.format = ImageFormat::kWebp};
  ByteReader reader(bytes);
  reader.Skip(4);
  const uint32_t size = reader.Little(4);
  if (size < 4 || size > bytes.size() - 8) return Truncated(header.format);
  ByteReader chunks(bytes.substr(12, size - 4));
  bool has_canvas = false, has_frame = false, has_alpha = false;
  while (chunks.left() >= 8) {
    const std::string_view type = chunks.Take(4);
    const uint32_t length = chunks.Little(4);
    const std::string_view data = chunks.Take(length);
    if (!chunks.ok()) return Truncated(header.format);
    if (length % 2 == 1 && chunks.left() > 0) chunks.Skip(1);
    if (type == "VP8X") {
      ByteReader canvas(data);
      const uint32_t flags = canvas.Little(4);
      header.width = canvas.Little(3) + int64_t{1};
      header.height = canvas.Little(3) + int64_t{1};
      if (!canvas.ok() || has_canvas || has_frame) return Bad(header.format, "has a broken header");
      if ((flags & 2) != 0) return Bad(header.format, "is animated, which is not supported; send one frame");
      has_canvas = true;
      has_alpha = (flags & 0x10) != 0;
    } else if (type == "VP8 " || type == "VP8L") {
      const absl::StatusOr<WebpSize> frame = type == "VP8 " ? ReadVp8(data) : ReadVp8Lossless(data);
      if (!frame.ok()) return frame.status();
      if (has_frame) return Bad(header.format, "has two frames");
      if (has_canvas && (frame->width != header.width || frame->height != header.height)) {
        return Bad(header.format, absl::StrCat("says that it has ", header.width, "x", header.height,
                                               " pixels, and its frame ", frame->width, "x", frame->height));
      }
      header.width = frame->width;
      header.height = frame->height;
      has_alpha = has_alpha || frame->alpha;
      has_frame = true;
    } else if (type == "EXIF") {
      const bool prefixed = data.substr(0, kExif.size()) == kExif;
      header.orientation = ExifOrientation(prefixed ? data.substr(kExif.size()) : data);
    }
  }
  if (!has_frame) return Bad(header.format, "has no frame");
  header.channels = has_alpha ? 4 : 3;
  return Checked(header);
}

// --- BMP ---

absl::StatusOr<ImageHeader> ReadBmp(std::string_view bytes) {
  ImageHeader header{.format = ImageFormat::kBmp};
  ByteReader reader(bytes);
  reader.Skip(10);
  const uint32_t pixels_at = reader.Little(4);
  const uint32_t info = reader.Little(4);
  const bool is_core = info == 12;
  if (reader.ok() && !is_core && info < 40) return Bad(header.format, "has a broken header");
  header.width = is_core ? reader.Little(2) : static_cast<int32_t>(reader.Little(4));
  header.height = is_core ? reader.Little(2) : std::abs(int64_t{static_cast<int32_t>(reader.Little(4))});
  reader.Skip(2);  // planes
  const auto bits = static_cast<int>(reader.Little(2));
  const uint32_t compression = is_core ? 0 : reader.Little(4);
  if (!reader.ok() || pixels_at > bytes.size()) return Truncated(header.format);
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) {
    return Bad(header.format, absl::StrCat("has ", bits, " bits a pixel"));
  }
  header.channels = bits == 32 ? 4 : 3;
  header.bit_depth = bits < 8 ? bits : 8;
  const absl::StatusOr<ImageHeader> checked = Checked(header);
  if (!checked.ok()) return checked;
  constexpr uint32_t kNotCompressed = 0, kBitFields = 3;
  if (compression == kNotCompressed || compression == kBitFields) {
    // Neither product overflows: sides are below 2^31, but for a height of exactly 2^31.
    const int64_t row = (header.width * bits + 31) / 32 * 4;
    const auto there = static_cast<int64_t>(bytes.size() - pixels_at);
    if (row > std::numeric_limits<int64_t>::max() / header.height || row * header.height > there)
      return Truncated(header.format);
  }
  return checked;
}

}  // namespace

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kBmp:
      return "BMP";
  }
  return "image";
}

bool LooksLikeImage(std::string_view bytes) {
  return bytes.substr(0, kJpegStart.size()) == kJpegStart ||
         bytes.substr(0, kPngSignature.size()) == kPngSignature || IsWebp(bytes) ||
         (bytes.size() >= 18 && bytes.substr(0, 2) == "BM" && bytes.substr(6, 4) == "\0\0\0\0"sv);
}

absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes) {
  if (bytes.substr(0, kJpegStart.size()) == kJpegStart) return ReadJpeg(bytes);
  if (bytes.substr(0, kPngSignature.size()) == kPngSignature) return ReadPng(bytes);
  if (IsWebp(bytes)) return ReadWebp(bytes);
  if (bytes.substr(0, 2) == "BM") return ReadBmp(bytes);
  return absl::InvalidArgumentError(absl::StrCat(
      "expected an encoded JPEG, PNG, WebP or BMP, got ",
      bytes.empty() ? "no bytes" : absl::StrCat(bytes.size(), " bytes that begin with ", Quote(bytes, 12))));
}

}  // namespace modeld
