#include "clients/cpp/classification.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "clients/cpp/tensor.h"

namespace modeld {
namespace {

using Rows = std::vector<std::vector<ScoredClass>>;

template <typename T>
bool IsNan(T value) {
  if constexpr (std::floating_point<T>) {
    return value != value;
  } else {
    return false;
  }
}

template <typename T>
absl::StatusOr<Rows> TopK(const absl::StatusOr<TensorView<T>>& scores, int64_t k,
                          absl::Span<const std::string> labels) {
  if (!scores.ok()) return scores.status();
  if (scores->shape.empty()) {
    return absl::InvalidArgumentError("scores have no dimension; the last one is that of the classes");
  }
  const auto width = static_cast<size_t>(scores->shape.back());
  size_t count = 1;  // of rows
  for (size_t i = 0; i + 1 < scores->shape.size(); ++i) count *= static_cast<size_t>(scores->shape[i]);
  if (count == 0) return Rows();  // whatever the width says
  const auto most = std::min(static_cast<uint64_t>(k), static_cast<uint64_t>(width));
  // Rows without classes take no bytes, so any number of them fits a tensor.
  if (width == 0 && count > 1'000'000) {
    return absl::InvalidArgumentError(absl::StrCat(count, " rows without classes"));
  }
  Rows rows(count);
  std::vector<size_t> order(width);
  for (size_t i = 0; i < count; ++i) {
    const absl::Span<const T> row = scores->elements.subspan(i * width, width);
    std::iota(order.begin(), order.end(), size_t{0});
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                      [row](size_t a, size_t b) {
                        const bool a_nan = IsNan(row[a]);
                        const bool b_nan = IsNan(row[b]);
                        if (a_nan || b_nan) return a_nan == b_nan ? a < b : b_nan;
                        return row[a] == row[b] ? a < b : row[a] > row[b];
                      });
    for (size_t rank = 0; rank < most; ++rank) {
      const size_t index = order[rank];
      rows[i].push_back({.label = index < labels.size() ? labels[index] : "",
                         .index = static_cast<int64_t>(index),
                         .value = static_cast<double>(row[index])});
    }
  }
  return rows;
}

}  // namespace

absl::StatusOr<Rows> TopK(const v1::Value& scores, int64_t k, absl::Span<const std::string> labels) {
  if (k < 1) return absl::InvalidArgumentError(absl::StrCat("k is ", k, "; it must be at least 1"));
  const std::string& dtype = scores.tensor().dtype();
  if (dtype == "INT8") return TopK(AsTensor<int8_t>(scores), k, labels);
  if (dtype == "INT16") return TopK(AsTensor<int16_t>(scores), k, labels);
  if (dtype == "INT32") return TopK(AsTensor<int32_t>(scores), k, labels);
  if (dtype == "INT64") return TopK(AsTensor<int64_t>(scores), k, labels);
  if (dtype == "UINT8") return TopK(AsTensor<uint8_t>(scores), k, labels);
  if (dtype == "UINT16") return TopK(AsTensor<uint16_t>(scores), k, labels);
  if (dtype == "UINT32") return TopK(AsTensor<uint32_t>(scores), k, labels);
  if (dtype == "UINT64") return TopK(AsTensor<uint64_t>(scores), k, labels);
  if (dtype == "FP64") return TopK(AsTensor<double>(scores), k, labels);
  return TopK(AsFloats(scores), k, labels);
}

}  // namespace modeld
