#include "daemon/engine/tensor.h"

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

Buffer Buffer::FromString(std::string bytes) {
  auto owner = std::make_shared<std::string>(std::move(bytes));
  void* const data = owner->data();
  const size_t size = owner->size();
  return Buffer{data, size, std::move(owner)};
}

Buffer Buffer::Allocate(size_t size) {
  std::shared_ptr<void> owner(::operator new(size, kAlignment),
                              [](void* data) { ::operator delete(data, kAlignment); });
  void* const data = owner.get();
  return Buffer{data, size, std::move(owner)};
}

int64_t Tensor::element_count() const {
  int64_t count = 1;
  for (const int64_t dimension : shape) count *= dimension;
  return count;
}

absl::StatusOr<int64_t> ElementCount(const std::vector<int64_t>& shape, DType dtype) {
  int64_t count = 1;
  // Zeros are left out of the overflow check: engines multiply the other dimensions for their strides.
  bool empty = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("negative dimension in shape of ", TensorSummary(dtype, shape)));
    }
    if (dimension == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, dimension, &count)) {
      return absl::InvalidArgumentError(
          absl::StrCat("number of elements of ", TensorSummary(dtype, shape), " overflows"));
    }
  }
  int64_t bytes;
  if (__builtin_mul_overflow(count, static_cast<int64_t>(ItemSize(dtype)), &bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("number of bytes of ", TensorSummary(dtype, shape), " overflows"));
  }
  return empty ? 0 : count;
}

std::string TensorSummary(DType dtype, const std::vector<int64_t>& shape) {
  return absl::StrCat(std::string(DTypeName(dtype)), "[", absl::StrJoin(shape, ","), "]");
}

}  // namespace modeld
