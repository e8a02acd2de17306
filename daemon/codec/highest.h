// The highest elements of a row of a tensor. Pure.
#pragma once

#include <algorithm>
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
  const auto highest = [&](auto number_at) {
    std::vector<decltype(number_at(int64_t{0}))> row(width);
    for (size_t i = 0; i < width; ++i) row[i] = number_at(static_cast<int64_t>(begin + i));
    const auto is_nan = [&row](size_t i) { return row[i] != row[i]; };
    const auto higher = [&](size_t a, size_t b) {
      if (is_nan(a) || is_nan(b)) return is_nan(a) == is_nan(b) ? a < b : is_nan(b);
      return row[a] == row[b] ? a < b : row[a] > row[b];
    };
    std::vector<size_t> places(width);
    std::iota(places.begin(), places.end(), size_t{0});
    std::partial_sort(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(most), places.end(),
                      higher);
    places.resize(most);
    return places;
  };
  if (IsFloating(tensor.dtype)) return highest([&](int64_t i) { return FloatingAt(tensor, i); });
  if (tensor.dtype == DType::kUint64)
    return highest([&](int64_t i) { return ElementAt<uint64_t>(tensor, i); });
  return highest([&](int64_t i) { return IntegerAt(tensor, i); });
}

}  // namespace modeld
