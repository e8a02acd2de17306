// The highest elements of a row of a tensor. Pure.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "daemon/codec/elements.h"
#include "daemon/engine/tensor.h"

namespace modeld {

// Places within the row of `width` elements that begins at `begin`, the highest first, `most` of them; of
// equal ones the first, NaN after all others. REQUIRES: most <= width; as NumberAt.
inline std::vector<size_t> HighestOf(const Tensor& tensor, size_t begin, size_t width, size_t most) {
  std::vector<double> row(width);
  for (size_t i = 0; i < width; ++i) row[i] = NumberAt(tensor, static_cast<int64_t>(begin + i));
  const auto higher = [&row](size_t a, size_t b) {
    const bool a_is_nan = std::isnan(row[a]), b_is_nan = std::isnan(row[b]);
    if (a_is_nan || b_is_nan) return a_is_nan == b_is_nan ? a < b : b_is_nan;
    return row[a] == row[b] ? a < b : row[a] > row[b];
  };
  std::vector<size_t> places(width);
  std::iota(places.begin(), places.end(), size_t{0});
  std::partial_sort(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(most), places.end(), higher);
  places.resize(most);
  return places;
}

}  // namespace modeld
