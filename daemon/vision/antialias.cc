#include "daemon/vision/antialias.h"

#include <algorithm>
#include <cmath>

namespace modeld {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;

double Linear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double Cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Which samples of a line one sample of the resized line is made of.
struct Taps {
  int first = 0;
  std::vector<int32_t> weights;
};

std::vector<Taps> TapsOf(int in, int out, int begin, int count, AntialiasFilter filter) {
  const double scale = static_cast<double>(in) / out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (filter == AntialiasFilter::kLinear ? 1.0 : 2.0) * filter_scale;
  std::vector<Taps> all(static_cast<size_t>(count));
  std::vector<double> weights;
  for (int i = 0; i < count; ++i) {
    const double center = (begin + i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last = std::min(static_cast<int>(center + support + 0.5), in);
    weights.clear();
    double sum = 0;
    for (int x = first; x < last; ++x) {
      const double at = (x - center + 0.5) * (1.0 / filter_scale);
      weights.push_back(filter == AntialiasFilter::kLinear ? Linear(at) : Cubic(at));
      sum += weights.back();
    }
    Taps& taps = all[static_cast<size_t>(i)];
    taps.first = first;
    for (const double weight : weights) {
      const double fixed = (sum != 0 ? weight / sum : weight) * (1 << kPrecisionBits);
      taps.weights.push_back(static_cast<int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return all;
}

uint8_t Clip(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255)); }

template <int kChannels>
void AlongRow(const uint8_t* row, const std::vector<Taps>& taps, uint8_t* out) {
  for (const Taps& tap : taps) {
    int32_t sums[kChannels];
    std::fill_n(sums, kChannels, 1 << (kPrecisionBits - 1));
    const uint8_t* pixel = row + static_cast<size_t>(tap.first) * kChannels;
    for (const int32_t weight : tap.weights) {
      for (int c = 0; c < kChannels; ++c) sums[c] += *pixel++ * weight;
    }
    for (const int32_t sum : sums) *out++ = Clip(sum);
  }
}

}  // namespace

std::vector<uint8_t> ResizeAntialias(const PixelView& image, int width, int height, const PixelWindow& window,
                                     AntialiasFilter filter) {
  const std::vector<Taps> columns = TapsOf(image.width, width, window.x, window.width, filter);
  const std::vector<Taps> rows = TapsOf(image.height, height, window.y, window.height, filter);
  const size_t row_bytes = static_cast<size_t>(window.width) * image.channels;

  // The rows that are needed, resized along themselves.
  const int first = rows.front().first;
  const int last = rows.back().first + static_cast<int>(rows.back().weights.size());
  std::vector<uint8_t> narrow(row_bytes * static_cast<size_t>(last - first));
  for (int y = first; y < last; ++y) {
    const uint8_t* const in = image.data + static_cast<size_t>(y) * image.row_bytes;
    uint8_t* const out = narrow.data() + static_cast<size_t>(y - first) * row_bytes;
    if (width == image.width) {
      const uint8_t* const begin = in + static_cast<size_t>(window.x) * image.channels;
      std::copy(begin, begin + row_bytes, out);
    } else if (image.channels == 1) {
      AlongRow<1>(in, columns, out);
    } else {
      AlongRow<3>(in, columns, out);
    }
  }
  if (height == image.height) return narrow;

  std::vector<uint8_t> resized(row_bytes * static_cast<size_t>(window.height));
  std::vector<int32_t> sums(row_bytes);
  uint8_t* out = resized.data();
  for (const Taps& tap : rows) {
    std::fill(sums.begin(), sums.end(), 1 << (kPrecisionBits - 1));
    const uint8_t* in = narrow.data() + static_cast<size_t>(tap.first - first) * row_bytes;
    for (const int32_t weight : tap.weights) {
      for (size_t x = 0; x < row_bytes; ++x) sums[x] += *in++ * weight;
    }
    for (const int32_t sum : sums) *out++ = Clip(sum);
  }
  return resized;
}

}  // namespace modeld
