// Typed tensors: between a v1::Value and a program's own arrays. Pure functions.
#pragma once

#include <complex>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// What an element of a tensor may be here. FP16 and BF16 travel as v1::Tensor with raw bytes (AsFloats reads
// them), strings see below.
template <typename T>
concept TensorElement = std::same_as<T, bool> || std::same_as<T, int8_t> || std::same_as<T, int16_t> ||
    std::same_as<T, int32_t> || std::same_as<T, int64_t> || std::same_as<T, uint8_t> ||
    std::same_as<T, uint16_t> || std::same_as<T, uint32_t> || std::same_as<T, uint64_t> ||
    std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::complex<float>> ||
    std::same_as<T, std::complex<double>>;

// `elements` are row-major and copied once. Whether they fit `shape` the daemon checks.
template <TensorElement T>
v1::Value MakeTensor(const std::vector<int64_t>& shape, absl::Span<const T> elements);
template <TensorElement T>
v1::Value MakeTensor(const std::vector<int64_t>& shape, std::initializer_list<T> elements) {
  return MakeTensor<T>(shape, absl::Span<const T>(elements.begin(), elements.size()));
}

// A tensor inside a Value.
template <TensorElement T>
struct TensorView {
  std::vector<int64_t> shape;
  // Row-major. They point into the Value, which must outlive the view and stay as it is, unless `copy` is
  // set.
  absl::Span<const T> elements;
  // Set where AsFloats widened, or the bytes in the Value are not aligned for T, as a standard library may
  // place those of a short string; then it holds the elements. With libstdc++ the latter does not happen.
  std::shared_ptr<const T[]> copy;
};

// INVALID_ARGUMENT if `value` is no tensor, of another dtype, or its raw bytes do not fit its shape. The
// daemon's answers hold raw bytes always; the typed fields, which are for writing by hand, are not read.
template <TensorElement T>
absl::StatusOr<TensorView<T>> AsTensor(const v1::Value& value);

// AsTensor<float> for FP32; FP16 and BF16 are widened, which is exact, into `copy`.
absl::StatusOr<TensorView<float>> AsFloats(const v1::Value& value);

// Tensors of strings (dtype BYTES), which need not be UTF-8.
v1::Value MakeBytesTensor(const std::vector<int64_t>& shape, absl::Span<const std::string> elements);
struct BytesTensorView {
  std::vector<int64_t> shape;
  std::vector<std::string_view> elements;  // they point into the Value
};
absl::StatusOr<BytesTensorView> AsBytesTensor(const v1::Value& value);

// An encoded image (JPEG, PNG, WebP, BMP), for inputs that the model's config preprocesses; several are a
// batch.
v1::Value MakeImage(std::string bytes);
v1::Value MakeImages(absl::Span<const std::string> images);
// MakeImage of a file. NOT_FOUND: it cannot be read.
absl::StatusOr<v1::Value> ReadImage(const std::string& path);

// Views `bytes`, whose size is a multiple of T's, as elements; by a copy where they are not aligned for T.
template <TensorElement T>
TensorView<T> ViewElements(std::vector<int64_t> shape, std::string_view bytes);

}  // namespace modeld
