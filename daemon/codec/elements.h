// Elements of a tensor, as numbers. Pure functions.
#pragma once

#include <complex>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/codec/half.h"
#include "daemon/engine/tensor.h"

namespace modeld {

// The element at `index` of a buffer of T.
template <typename T>
T ElementAt(const Tensor& tensor, int64_t index) {
  T element;
  std::memcpy(&element, static_cast<const char*>(tensor.buffer.data) + index * sizeof(T), sizeof(T));
  return element;
}

inline bool IsFloating(DType dtype) {
  return dtype == DType::kFp16 || dtype == DType::kBf16 || dtype == DType::kFp32 || dtype == DType::kFp64;
}
inline bool IsComplex(DType dtype) { return dtype == DType::kComplex64 || dtype == DType::kComplex128; }

// REQUIRES: IsFloating.
inline double FloatingAt(const Tensor& tensor, int64_t index) {
  switch (tensor.dtype) {
    case DType::kFp16:
      return HalfToFloat(ElementAt<uint16_t>(tensor, index));
    case DType::kBf16:
      return Bfloat16ToFloat(ElementAt<uint16_t>(tensor, index));
    case DType::kFp32:
      return ElementAt<float>(tensor, index);
    default:
      return ElementAt<double>(tensor, index);
  }
}

// REQUIRES: IsComplex.
inline std::complex<double> ComplexAt(const Tensor& tensor, int64_t index) {
  if (tensor.dtype == DType::kComplex128) return ElementAt<std::complex<double>>(tensor, index);
  return ElementAt<std::complex<float>>(tensor, index);
}

// An integer or boolean. Its bits as signed; of UINT64 the upper half is negative.
inline int64_t IntegerAt(const Tensor& tensor, int64_t index) {
  switch (tensor.dtype) {
    case DType::kInt8:
      return ElementAt<int8_t>(tensor, index);
    case DType::kInt16:
      return ElementAt<int16_t>(tensor, index);
    case DType::kInt32:
      return ElementAt<int32_t>(tensor, index);
    case DType::kUint16:
      return ElementAt<uint16_t>(tensor, index);
    case DType::kUint32:
      return ElementAt<uint32_t>(tensor, index);
    case DType::kInt64:
    case DType::kUint64:
      return ElementAt<int64_t>(tensor, index);
    default:  // BOOL, UINT8
      return ElementAt<uint8_t>(tensor, index);
  }
}

// Any number, rounded to a double where it has more digits; 0 or 1 of BOOL. REQUIRES: neither complex nor
// BYTES.
inline double NumberAt(const Tensor& tensor, int64_t index) {
  if (IsFloating(tensor.dtype)) return FloatingAt(tensor, index);
  if (tensor.dtype == DType::kUint64) return static_cast<double>(ElementAt<uint64_t>(tensor, index));
  return static_cast<double>(IntegerAt(tensor, index));
}

// "[0, 3]" of the element at `index`, row-major; "" of a tensor without dimensions.
inline std::string PositionText(const std::vector<int64_t>& shape, int64_t index) {
  if (shape.empty()) return "";
  std::vector<int64_t> position(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    position[i] = index % shape[i];
    index /= shape[i];
  }
  return absl::StrCat("[", absl::StrJoin(position, ", "), "]");
}

}  // namespace modeld
