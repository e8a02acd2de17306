#include "daemon/oip/classes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/codec/half.h"
#include "daemon/engine/dtype.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

template <typename T, typename Convert>
std::vector<double> Numbers(const std::string& raw, Convert convert) {
  std::vector<double> numbers(raw.size() / sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    T element;
    std::memcpy(&element, raw.data() + i * sizeof(T), sizeof(T));
    numbers[i] = static_cast<double>(convert(element));
  }
  return numbers;
}

template <typename T>
std::vector<double> Numbers(const std::string& raw) {
  return Numbers<T>(raw, [](T element) { return element; });
}

absl::StatusOr<std::vector<double>> NumbersOf(const v1::Tensor& tensor) {
  const std::optional<DType> dtype = DTypeFromName(tensor.dtype());
  switch (dtype.value_or(DType::kBytes)) {
    case DType::kInt8:
      return Numbers<int8_t>(tensor.raw());
    case DType::kInt16:
      return Numbers<int16_t>(tensor.raw());
    case DType::kInt32:
      return Numbers<int32_t>(tensor.raw());
    case DType::kInt64:
      return Numbers<int64_t>(tensor.raw());
    case DType::kUint8:
      return Numbers<uint8_t>(tensor.raw());
    case DType::kUint16:
      return Numbers<uint16_t>(tensor.raw());
    case DType::kUint32:
      return Numbers<uint32_t>(tensor.raw());
    case DType::kUint64:
      return Numbers<uint64_t>(tensor.raw());
    case DType::kFp16:
      return Numbers<uint16_t>(tensor.raw(), HalfToFloat);
    case DType::kBf16:
      return Numbers<uint16_t>(tensor.raw(), Bfloat16ToFloat);
    case DType::kFp32:
      return Numbers<float>(tensor.raw());
    case DType::kFp64:
      return Numbers<double>(tensor.raw());
    default:
      return absl::InvalidArgumentError(absl::StrCat("elements of dtype ", tensor.dtype(),
                                                     " have no order that could be a classification"));
  }
}

bool IsFloat(const std::string& dtype) { return dtype[0] == 'F' || dtype[0] == 'B'; }

std::string ClassText(double value, size_t index, bool is_float, const std::vector<std::string>& labels) {
  std::string text = is_float ? absl::StrFormat("%f", value) : absl::StrFormat("%.0f", value);
  absl::StrAppend(&text, ":", index);
  if (index < labels.size()) absl::StrAppend(&text, ":", labels[index]);
  return text;
}

}  // namespace

absl::StatusOr<v1::Tensor> ClassesOf(const v1::Tensor& tensor, int64_t count,
                                     const std::vector<std::string>& labels) {
  if (tensor.shape().empty()) {
    return absl::InvalidArgumentError("a tensor without dimensions has no classes");
  }
  MODELD_ASSIGN_OR_RETURN(const std::vector<double> numbers, NumbersOf(tensor));
  const auto width = static_cast<size_t>(tensor.shape(tensor.shape_size() - 1));
  const auto most = static_cast<size_t>(std::min<int64_t>(count, static_cast<int64_t>(width)));
  v1::Tensor classes;
  classes.set_dtype("BYTES");
  *classes.mutable_shape() = tensor.shape();
  classes.set_shape(tensor.shape_size() - 1, static_cast<int64_t>(most));
  std::vector<size_t> order(width);
  for (size_t row = 0; width > 0 && row < numbers.size(); row += width) {
    std::iota(order.begin(), order.end(), size_t{0});
    const auto higher = [&](size_t a, size_t b) {
      const double x = numbers[row + a], y = numbers[row + b];
      if (std::isnan(x) || std::isnan(y)) return std::isnan(x) == std::isnan(y) ? a < b : std::isnan(y);
      return x == y ? a < b : x > y;
    };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(), higher);
    for (size_t i = 0; i < most; ++i) {
      const std::string text = ClassText(numbers[row + order[i]], order[i], IsFloat(tensor.dtype()), labels);
      const auto length = static_cast<uint32_t>(text.size());
      classes.mutable_raw()->append(reinterpret_cast<const char*>(&length), sizeof(length));
      classes.mutable_raw()->append(text);
    }
  }
  return classes;
}

}  // namespace modeld
