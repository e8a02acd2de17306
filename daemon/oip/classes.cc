#include "daemon/oip/classes.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/codec/elements.h"
#include "daemon/codec/highest.h"
#include "daemon/engine/dtype.h"
#include "daemon/oip/raw_bytes.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

bool HasOrder(DType dtype) { return dtype != DType::kBool && dtype != DType::kBytes && !IsComplex(dtype); }

// Its elements where they lie. REQUIRES: it outlives what is returned.
absl::StatusOr<Tensor> ViewOf(const v1::Tensor& tensor) {
  const std::optional<DType> dtype = DTypeFromName(tensor.dtype());
  if (!dtype || !HasOrder(*dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("elements of dtype ", tensor.dtype(), " have no order that could be a classification"));
  }
  Tensor view;
  view.dtype = *dtype;
  view.buffer.data = const_cast<char*>(tensor.raw().data());
  view.buffer.size = tensor.raw().size();
  return view;
}

std::string NumberText(const Tensor& tensor, int64_t index) {
  if (IsFloating(tensor.dtype)) return absl::StrFormat("%f", FloatingAt(tensor, index));
  if (tensor.dtype == DType::kUint64) return absl::StrCat(ElementAt<uint64_t>(tensor, index));
  return absl::StrCat(IntegerAt(tensor, index));
}

std::string ClassText(const std::string& number, size_t index, const std::vector<std::string>& labels) {
  std::string text = absl::StrCat(number, ":", index);
  if (index < labels.size()) absl::StrAppend(&text, ":", labels[index]);
  return text;
}

}  // namespace

absl::StatusOr<v1::Tensor> ClassesOf(const v1::Tensor& tensor, int64_t count,
                                     const std::vector<std::string>& labels) {
  if (tensor.shape().empty()) {
    return absl::InvalidArgumentError("a tensor without dimensions has no classes");
  }
  MODELD_ASSIGN_OR_RETURN(const Tensor view, ViewOf(tensor));
  const size_t elements = view.buffer.size / ItemSize(view.dtype);
  const auto width = static_cast<size_t>(tensor.shape(tensor.shape_size() - 1));
  const auto most = static_cast<size_t>(std::min<int64_t>(count, static_cast<int64_t>(width)));
  v1::Tensor classes;
  classes.set_dtype("BYTES");
  *classes.mutable_shape() = tensor.shape();
  classes.set_shape(tensor.shape_size() - 1, static_cast<int64_t>(most));
  for (size_t row = 0; width > 0 && row < elements; row += width) {
    for (const size_t index : HighestOf(view, row, width, most)) {
      const std::string number = NumberText(view, static_cast<int64_t>(row + index));
      AppendRawString(ClassText(number, index, labels), classes.mutable_raw());
    }
  }
  return classes;
}

}  // namespace modeld
