// DType: element types of tensors, by the Open Inference Protocol's names.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace modeld {

enum class DType {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFp16,
  kBf16,
  kFp32,
  kFp64,
  kComplex64,
  kComplex128,
  kBytes,  // elements of any length
};

// "FP32".
std::string_view DTypeName(DType dtype);
std::optional<DType> DTypeFromName(std::string_view name);

// Bytes an element takes; 0 for kBytes.
size_t ItemSize(DType dtype);

}  // namespace modeld
