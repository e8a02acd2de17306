#include "daemon/vision/image_header.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "corpus.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

TEST(ReadImageHeaderTest, EveryFormat) {
  const auto header = [](ImageFormat format, int channels, int bit_depth = 8, int orientation = 1) {
    return ImageHeader{.format = format,
                       .width = 13,
                       .height = 7,
                       .channels = channels,
                       .bit_depth = bit_depth,
                       .orientation = orientation};
  };
  const std::vector<std::pair<std::string, ImageHeader>> cases = {
      {"rgb.jpg", header(ImageFormat::kJpeg, 3)},
      {"l.jpg", header(ImageFormat::kJpeg, 1)},
      {"cmyk.jpg", header(ImageFormat::kJpeg, 4)},
      {"rgb.png", header(ImageFormat::kPng, 3)},
      {"rgba.png", header(ImageFormat::kPng, 4)},
      {"la.png", header(ImageFormat::kPng, 2)},
      {"l16.png", header(ImageFormat::kPng, 1, 16)},
      {"1.png", header(ImageFormat::kPng, 1, 1)},
      {"p.png", header(ImageFormat::kPng, 3)},
      {"orientation_6.png", header(ImageFormat::kPng, 3, 8, 6)},
      {"lossy.webp", header(ImageFormat::kWebp, 3)},
      {"lossless.webp", header(ImageFormat::kWebp, 3)},
      {"alpha.webp", header(ImageFormat::kWebp, 4)},
      {"orientation_6.webp", header(ImageFormat::kWebp, 3, 8, 6)},
      {"rgb.bmp", header(ImageFormat::kBmp, 3)},
      {"1.bmp", header(ImageFormat::kBmp, 3, 1)},
  };
  for (const auto& [name, expected] : cases) {
    ASSERT_OK_AND_ASSIGN(const ImageHeader read, ReadImageHeader(CorpusBytes(name)));
    EXPECT_EQ(read, expected) << name << ": " << read.width << "x" << read.height << " " << read.channels
                              << " " << read.bit_depth << " " << read.orientation;
  }
  for (int orientation = 1; orientation <= 8; ++orientation) {
    ASSERT_OK_AND_ASSIGN(const ImageHeader read,
                         ReadImageHeader(CorpusBytes("orientation_" + std::to_string(orientation) + ".jpg")));
    EXPECT_EQ(read.orientation, orientation);
  }
}

// Of a progressive JPEG each scan goes over all pixels: a small file can hold thousands.
TEST(ReadImageHeaderTest, ScansOfAJpegAreCounted) {
  const std::string bytes = CorpusBytes("progressive.jpg");
  ASSERT_OK_AND_ASSIGN(const ImageHeader header, ReadImageHeader(bytes));
  EXPECT_EQ(header.scans, 10);
  const size_t last = bytes.rfind("\xFF\xDA"), end = bytes.rfind("\xFF\xD9");
  std::string many = bytes.substr(0, end);
  for (int i = 0; i < 100; ++i) many += bytes.substr(last, end - last);
  ASSERT_OK_AND_ASSIGN(const ImageHeader repeated, ReadImageHeader(many + "\xFF\xD9\xFF\xDA"));
  EXPECT_EQ(repeated.scans, 110);
}

TEST(ReadImageHeaderTest, WhatIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"refused_text.txt",
       "expected an encoded JPEG, PNG, WebP or BMP, got 8 bytes that begin with \"no image\""},
      {"refused_empty", "got no bytes"},
      {"refused_animated.webp", "the WebP is animated, which is not supported"},
      {"refused_truncated_rgb.jpg", "the JPEG is truncated"},
      {"refused_truncated_rgb.png", "the PNG is truncated"},
      {"refused_truncated_lossy.webp", "the WebP is truncated"},
      {"refused_truncated_rgb.bmp", "the BMP is truncated"},
      {"refused_no_pixels.png", "the PNG says that it has 0x5 pixels"},
      {"refused_two_frames.jpg", "the JPEG has two frame headers"},
      {"refused_12_bits.jpg", "the JPEG has 12 bits a sample; expected 8"},
      {"refused_lossless.jpg", "the JPEG is lossless or hierarchical"},
      {"refused_canvas.webp", "the WebP says that it has 14x7 pixels, and its frame 13x7"},
      {"refused_too_wide.bmp", "the BMP is truncated"},
  };
  for (const auto& [name, part] : cases) {
    EXPECT_THAT(ReadImageHeader(CorpusBytes(name)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part)))
        << name;
  }
}

TEST(LooksLikeImageTest, ByTheFirstBytes) {
  for (const CorpusFile& file : Corpus()) {
    const bool is_other = file.name == "refused_text.txt" || file.name == "refused_empty";
    EXPECT_EQ(LooksLikeImage(file.bytes), !is_other) << file.name;
  }
  EXPECT_FALSE(LooksLikeImage("BMW is a car, not an image"));
}

}  // namespace
}  // namespace modeld
