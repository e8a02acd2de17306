#include "daemon/vision/class_output.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "daemon/codec/elements.h"
#include "daemon/codec/highest.h"
#include "registry/base/status_macros.h"
#include "registry/base/too_large.h"

namespace modeld {
namespace {

// Each is a dictionary of some hundred bytes.
constexpr int64_t kMaxClasses = 200'000;

absl::Status CheckTensor(const Tensor& tensor) {
  if (IsFloating(tensor.dtype) && !tensor.shape.empty()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("postprocess takes a floating-point tensor of at least one dimension, got ",
                   TensorSummary(tensor.dtype, tensor.shape)));
}

template <typename T>
void Softmax(absl::Span<T> row) {
  if (row.empty()) return;
  // NaN anywhere makes all of it NaN, as in PyTorch: the sum then is.
  const T highest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const T x : row) sum += std::exp(static_cast<double>(x - highest));
  for (T& x : row) x = static_cast<T>(std::exp(static_cast<double>(x - highest)) / sum);
}

template <typename T>
void ActivateAll(const v1::PostprocessConfig& rule, size_t width, absl::Span<T> elements) {
  if (rule.softmax()) {
    for (size_t row = 0; width > 0 && row < elements.size(); row += width)
      Softmax(elements.subspan(row, width));
  } else {
    for (T& x : elements) x = static_cast<T>(1 / (1 + std::exp(-static_cast<double>(x))));
  }
}

// A copy that may be written to, of FP32 or FP64.
Tensor Widened(const Tensor& tensor) {
  Tensor wide;
  wide.shape = tensor.shape;
  if (tensor.dtype == DType::kFp32 || tensor.dtype == DType::kFp64) {
    wide.dtype = tensor.dtype;
    wide.buffer = Buffer::Allocate(tensor.buffer.size);
    if (tensor.buffer.size > 0) std::memcpy(wide.buffer.data, tensor.buffer.data, tensor.buffer.size);
    return wide;
  }
  wide.dtype = DType::kFp32;
  const size_t count = tensor.buffer.size / sizeof(uint16_t);
  wide.buffer = Buffer::Allocate(count * sizeof(float));
  auto* const out = static_cast<float*>(wide.buffer.data);
  for (size_t i = 0; i < count; ++i) {
    out[i] = static_cast<float>(FloatingAt(tensor, static_cast<int64_t>(i)));
  }
  return wide;
}

template <typename T>
absl::Span<T> ElementsOf(const Tensor& tensor) {
  return absl::MakeSpan(static_cast<T*>(tensor.buffer.data), tensor.buffer.size / sizeof(T));
}

class ClassLists {
 public:
  ClassLists(const v1::PostprocessConfig& rule, const Tensor& tensor, const std::vector<std::string>& labels)
      : tensor_(tensor),
        labels_(labels),
        number_(rule.softmax() || rule.sigmoid() ? "probability" : "score"),
        width_(static_cast<size_t>(tensor.shape.back())),
        most_(std::min(static_cast<size_t>(rule.top_k()), width_)) {}

  // The rows from `first` on, nested as the dimensions from `dimension` on are.
  Value Rows(size_t dimension, size_t first, size_t rows) {
    if (dimension + 1 == tensor_.shape.size()) return Row(first);
    const auto size = static_cast<size_t>(tensor_.shape[dimension]);
    List list;
    for (size_t i = 0; i < size; ++i) {
      list.items.push_back(Rows(dimension + 1, first + i * (rows / size), rows / size));
    }
    return {.data = std::move(list)};
  }

 private:
  Value Row(size_t row) {
    const size_t begin = row * width_;
    List list;
    for (const size_t index : HighestOf(tensor_, begin, width_, most_)) {
      Dict entry;
      if (index < labels_.size())
        entry.entries.emplace_back(Value{.data = "label"}, Value{.data = labels_[index]});
      entry.entries.emplace_back(Value{.data = "index"}, Value{.data = static_cast<int64_t>(index)});
      entry.entries.emplace_back(Value{.data = number_},
                                 Value{.data = NumberAt(tensor_, static_cast<int64_t>(begin + index))});
      list.items.push_back({.data = std::move(entry)});
    }
    return {.data = std::move(list)};
  }

  const Tensor& tensor_;
  const std::vector<std::string>& labels_;
  const std::string number_;
  const size_t width_, most_;
};

}  // namespace

absl::StatusOr<Tensor> Activate(const v1::PostprocessConfig& rule, const Tensor& tensor) {
  MODELD_RETURN_IF_ERROR(CheckTensor(tensor));
  if (!rule.softmax() && !rule.sigmoid()) return tensor;
  // The model may have kept the tensor.
  Tensor activated = Widened(tensor);
  const auto width = static_cast<size_t>(tensor.shape.back());
  if (activated.dtype == DType::kFp64) {
    ActivateAll(rule, width, ElementsOf<double>(activated));
  } else {
    ActivateAll(rule, width, ElementsOf<float>(activated));
  }
  return activated;
}

absl::StatusOr<Value> TopClasses(const v1::PostprocessConfig& rule, const Tensor& tensor,
                                 const std::vector<std::string>& labels, bool one_row) {
  MODELD_RETURN_IF_ERROR(CheckTensor(tensor));
  MODELD_ASSIGN_OR_RETURN(const int64_t elements, ElementCount(tensor.shape, tensor.dtype));
  const int64_t width = tensor.shape.back();
  const int64_t rows = width == 0 ? 0 : elements / width;
  if (rows * std::min<int64_t>(width, rule.top_k()) > kMaxClasses) {
    return TooLargeError(absl::StrCat("the ", rule.top_k(), " highest classes of ", rows,
                                      " rows are more than ", kMaxClasses, "; send smaller batches"));
  }
  ClassLists lists(rule, tensor, labels);
  if (rows == 1 && one_row) return lists.Rows(tensor.shape.size() - 1, 0, 1);
  return lists.Rows(0, 0, static_cast<size_t>(rows));
}

}  // namespace modeld
