#include "daemon/vision/antialias.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modeld {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Pillow 13: Image.frombytes("L", (6, 1), bytes([0, 50, 100, 150, 200, 250])).resize((3, 1), BILINEAR), and
// BICUBIC.
TEST(ResizeAntialiasTest, AsPillow) {
  const uint8_t row[] = {0, 50, 100, 150, 200, 250};
  const PixelView image{.data = row, .row_bytes = 6, .width = 6, .height = 1, .channels = 1};
  const PixelWindow all{.x = 0, .y = 0, .width = 3, .height = 1};
  EXPECT_THAT(ResizeAntialias(image, 3, 1, all, AntialiasFilter::kLinear), ElementsAre(36, 125, 214));
  EXPECT_THAT(ResizeAntialias(image, 3, 1, all, AntialiasFilter::kCubic), ElementsAre(27, 125, 223));
}

TEST(ResizeAntialiasTest, AWindowIsThatPartOfTheWhole) {
  std::vector<uint8_t> pixels(40 * 30 * 3);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 7 + i / 91);
  const PixelView image{.data = pixels.data(), .row_bytes = 120, .width = 40, .height = 30, .channels = 3};
  const auto whole =
      ResizeAntialias(image, 16, 50, {.x = 0, .y = 0, .width = 16, .height = 50}, AntialiasFilter::kCubic);
  const auto part =
      ResizeAntialias(image, 16, 50, {.x = 3, .y = 11, .width = 8, .height = 9}, AntialiasFilter::kCubic);
  for (size_t y = 0; y < 9; ++y) {
    for (size_t x = 0; x < 24; ++x)
      EXPECT_EQ(part[y * 24 + x], whole[(y + 11) * 48 + 9 + x]) << y << " " << x;
  }
}

TEST(ResizeAntialiasTest, OneColourStaysIt) {
  const std::vector<uint8_t> pixels(5 * 3 * 3, 201);
  const PixelView image{.data = pixels.data(), .row_bytes = 15, .width = 5, .height = 3, .channels = 3};
  for (const AntialiasFilter filter : {AntialiasFilter::kLinear, AntialiasFilter::kCubic}) {
    EXPECT_THAT(ResizeAntialias(image, 1, 1, {.x = 0, .y = 0, .width = 1, .height = 1}, filter), Each(201));
    EXPECT_THAT(ResizeAntialias(image, 50, 7, {.x = 0, .y = 0, .width = 50, .height = 7}, filter), Each(201));
  }
}

}  // namespace
}  // namespace modeld
