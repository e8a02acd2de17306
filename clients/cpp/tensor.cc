#include "clients/cpp/tensor.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld {
namespace {

// Raw bytes are little-endian on the wire and are used as they are.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(bool) == 1);

constexpr char kBytesDtype[] = "BYTES";
constexpr size_t kLengthPrefix = 4;

template <typename T>
constexpr const char* DtypeOf() {
  if constexpr (std::same_as<T, bool>) return "BOOL";
  if constexpr (std::same_as<T, int8_t>) return "INT8";
  if constexpr (std::same_as<T, int16_t>) return "INT16";
  if constexpr (std::same_as<T, int32_t>) return "INT32";
  if constexpr (std::same_as<T, int64_t>) return "INT64";
  if constexpr (std::same_as<T, uint8_t>) return "UINT8";
  if constexpr (std::same_as<T, uint16_t>) return "UINT16";
  if constexpr (std::same_as<T, uint32_t>) return "UINT32";
  if constexpr (std::same_as<T, uint64_t>) return "UINT64";
  if constexpr (std::same_as<T, float>) return "FP32";
  if constexpr (std::same_as<T, double>) return "FP64";
  if constexpr (std::same_as<T, std::complex<float>>) return "COMPLEX64";
  if constexpr (std::same_as<T, std::complex<double>>) return "COMPLEX128";
}

// Number of elements; none where a dimension is negative or the product overflows.
std::optional<uint64_t> ElementCount(const v1::Tensor& tensor) {
  uint64_t count = 1;
  for (const int64_t dimension : tensor.shape()) {
    if (dimension < 0) return std::nullopt;
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(dimension), &count)) return std::nullopt;
  }
  return count;
}

std::string Summary(const v1::Tensor& tensor) {
  return absl::StrCat(tensor.dtype(), "[", absl::StrJoin(tensor.shape(), ","), "]");
}

std::vector<int64_t> Shape(const v1::Tensor& tensor) {
  return {tensor.shape().begin(), tensor.shape().end()};
}

v1::Tensor* NewTensor(const char* dtype, const std::vector<int64_t>& shape, v1::Value& value) {
  v1::Tensor* tensor = value.mutable_tensor();
  tensor->set_dtype(dtype);
  tensor->mutable_shape()->Assign(shape.begin(), shape.end());
  return tensor;
}

absl::StatusOr<const v1::Tensor*> TensorOf(const v1::Value& value, const char* dtype) {
  if (!value.has_tensor()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a tensor of ", dtype, ", got another kind of value"));
  }
  if (value.tensor().dtype() != dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a tensor of ", dtype, ", got ", Summary(value.tensor())));
  }
  return &value.tensor();
}

// IEEE 754 binary16. Exact: every half is a float.
float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // below 2^-14: steps of 2^-24
  return sign != 0 ? -magnitude : magnitude;
}

float Bfloat16ToFloat(uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }

absl::Status CheckSize(const v1::Tensor& tensor, size_t element_size) {
  const std::optional<uint64_t> count = ElementCount(tensor);
  const size_t size = tensor.raw().size();
  if (count.has_value() && size % element_size == 0 && size / element_size == *count) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("raw bytes do not fit the shape: ", Summary(tensor),
                                                 " with ", size, " bytes, ", element_size, " an element"));
}

}  // namespace

template <TensorElement T>
v1::Value MakeTensor(const std::vector<int64_t>& shape, absl::Span<const T> elements) {
  v1::Value value;
  v1::Tensor* tensor = NewTensor(DtypeOf<T>(), shape, value);
  tensor->set_raw(elements.data(), elements.size() * sizeof(T));
  return value;
}

template <TensorElement T>
TensorView<T> ViewElements(std::vector<int64_t> shape, std::string_view bytes) {
  const size_t count = bytes.size() / sizeof(T);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(T) == 0) {
    return {std::move(shape), absl::MakeConstSpan(reinterpret_cast<const T*>(bytes.data()), count), nullptr};
  }
  std::shared_ptr<T[]> copy(new T[count]);
  std::memcpy(static_cast<void*>(copy.get()), bytes.data(), bytes.size());
  return {std::move(shape), absl::MakeConstSpan(copy.get(), count), copy};
}

template <TensorElement T>
absl::StatusOr<TensorView<T>> AsTensor(const v1::Value& value) {
  const absl::StatusOr<const v1::Tensor*> tensor = TensorOf(value, DtypeOf<T>());
  if (!tensor.ok()) return tensor.status();
  const std::string& raw = (*tensor)->raw();
  if (absl::Status fits = CheckSize(**tensor, sizeof(T)); !fits.ok()) return fits;
  if (std::same_as<T, bool> &&
      std::any_of(raw.begin(), raw.end(), [](char byte) { return (byte & ~1) != 0; })) {
    return absl::InvalidArgumentError("a tensor of BOOL holds a byte that is neither 0 nor 1");
  }
  return ViewElements<T>(Shape(**tensor), raw);
}

absl::StatusOr<TensorView<float>> AsFloats(const v1::Value& value) {
  const std::string& dtype = value.tensor().dtype();
  if (dtype != "FP16" && dtype != "BF16") return AsTensor<float>(value);
  const v1::Tensor& tensor = value.tensor();
  if (absl::Status fits = CheckSize(tensor, sizeof(uint16_t)); !fits.ok()) return fits;
  const size_t count = tensor.raw().size() / sizeof(uint16_t);
  const std::shared_ptr<float[]> wide(new float[count]);
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, tensor.raw().data() + i * sizeof(bits), sizeof(bits));
    wide[i] = dtype == "FP16" ? HalfToFloat(bits) : Bfloat16ToFloat(bits);
  }
  return TensorView<float>{Shape(tensor), absl::MakeConstSpan(wide.get(), count), wide};
}

v1::Value MakeBytesTensor(const std::vector<int64_t>& shape, absl::Span<const std::string> elements) {
  v1::Value value;
  std::string* raw = NewTensor(kBytesDtype, shape, value)->mutable_raw();
  size_t size = 0;
  for (const std::string& element : elements) size += kLengthPrefix + element.size();
  raw->reserve(size);
  for (const std::string& element : elements) {
    const uint32_t length = static_cast<uint32_t>(element.size());
    raw->append(reinterpret_cast<const char*>(&length), kLengthPrefix);
    raw->append(element);
  }
  return value;
}

v1::Value MakeImage(std::string bytes) { return MakeBytesTensor({}, {&bytes, 1}); }

v1::Value MakeImages(absl::Span<const std::string> images) {
  return MakeBytesTensor({static_cast<int64_t>(images.size())}, images);
}

absl::StatusOr<v1::Value> ReadImage(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) return absl::NotFoundError(absl::StrCat("cannot read the image ", path));
  return MakeImage(std::move(bytes));
}

absl::StatusOr<BytesTensorView> AsBytesTensor(const v1::Value& value) {
  const absl::StatusOr<const v1::Tensor*> tensor = TensorOf(value, kBytesDtype);
  if (!tensor.ok()) return tensor.status();
  BytesTensorView view{.shape = Shape(**tensor), .elements = {}};
  std::string_view rest = (*tensor)->raw();
  while (!rest.empty()) {
    uint32_t length = 0;
    if (rest.size() >= kLengthPrefix) std::memcpy(&length, rest.data(), kLengthPrefix);
    if (rest.size() < kLengthPrefix || rest.size() - kLengthPrefix < length) {
      return absl::InvalidArgumentError(absl::StrCat("element ", view.elements.size(), " of ",
                                                     Summary(**tensor), " is longer than its bytes"));
    }
    view.elements.push_back(rest.substr(kLengthPrefix, length));
    rest.remove_prefix(kLengthPrefix + length);
  }
  if (ElementCount(**tensor) != view.elements.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Summary(**tensor), " holds ", view.elements.size(), " elements"));
  }
  return view;
}

#define MODELD_TENSOR_ELEMENT(T)                                                      \
  template v1::Value MakeTensor<T>(const std::vector<int64_t>&, absl::Span<const T>); \
  template absl::StatusOr<TensorView<T>> AsTensor<T>(const v1::Value&);               \
  template TensorView<T> ViewElements<T>(std::vector<int64_t>, std::string_view);
MODELD_TENSOR_ELEMENT(bool)
MODELD_TENSOR_ELEMENT(int8_t)
MODELD_TENSOR_ELEMENT(int16_t)
MODELD_TENSOR_ELEMENT(int32_t)
MODELD_TENSOR_ELEMENT(int64_t)
MODELD_TENSOR_ELEMENT(uint8_t)
MODELD_TENSOR_ELEMENT(uint16_t)
MODELD_TENSOR_ELEMENT(uint32_t)
MODELD_TENSOR_ELEMENT(uint64_t)
MODELD_TENSOR_ELEMENT(float)
MODELD_TENSOR_ELEMENT(double)
MODELD_TENSOR_ELEMENT(std::complex<float>)
MODELD_TENSOR_ELEMENT(std::complex<double>)
#undef MODELD_TENSOR_ELEMENT

}  // namespace modeld
