// Resizing as Pillow does it, to the bit: a filter that grows with the reduction, in fixed point, first along
// the rows, then along the columns. Pure function.
//
// After Pillow's src/libImaging/Resample.c (HPND licence), of which torchvision's Resize of images makes use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace modeld {

enum class AntialiasFilter { kLinear, kCubic };

// Samples of 8 bits, rows of interleaved channels.
struct PixelView {
  const uint8_t* data = nullptr;
  size_t row_bytes = 0;
  int width = 0;
  int height = 0;
  int channels = 0;
};

struct PixelWindow {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// `image` resized to width x height, of which only `window` is made: its rows, one after another.
// REQUIRES: all sizes are at least 1, and the window lies in the resized image.
std::vector<uint8_t> ResizeAntialias(const PixelView& image, int width, int height, const PixelWindow& window,
                                     AntialiasFilter filter);

}  // namespace modeld
