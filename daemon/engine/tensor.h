// Tensor: a dense, row-major array whose bytes are shared, not copied.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/dtype.h"

namespace modeld {

// Bytes with shared ownership: `owner` keeps `data` valid. An engine may hold a Buffer as long as it likes (a
// module may keep an input in an attribute).
struct Buffer {
  void* data = nullptr;  // writable: TorchScript may work in place on its inputs
  size_t size = 0;       // bytes
  std::shared_ptr<void> owner;

  // Takes the string's bytes over; for long strings no byte is copied.
  static Buffer FromString(std::string bytes);
  // `size` bytes, not initialized, aligned to 64.
  static Buffer Allocate(size_t size);
};

// Copies share the bytes. dtype kBytes uses `strings` (row-major), every other dtype uses `buffer`.
struct Tensor {
  DType dtype = DType::kFp32;
  std::vector<int64_t> shape;  // no dimensions: one element
  Buffer buffer;
  std::vector<std::string> strings;

  int64_t element_count() const;
};

// Number of elements of a shape. INVALID_ARGUMENT for a negative dimension, or where the product, or the
// bytes it takes with this dtype, overflow int64.
absl::StatusOr<int64_t> ElementCount(const std::vector<int64_t>& shape, DType dtype);

// "FP32[2,3]".
std::string TensorSummary(DType dtype, const std::vector<int64_t>& shape);

}  // namespace modeld
