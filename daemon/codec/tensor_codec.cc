#include "daemon/codec/tensor_codec.h"

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/codec/half.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensor bytes are used as they come");

constexpr int kMaxDimensions = 64;
constexpr size_t kLengthBytes = 4;  // before each element of a raw BYTES tensor

// The typed fields of v1::Tensor.
enum Field : unsigned {
  kBools = 1 << 0,
  kInts = 1 << 1,
  kUints = 1 << 2,
  kFloats = 1 << 3,
  kDoubles = 1 << 4,
  kByteStrings = 1 << 5,
};

// The typed fields that may hold a dtype's elements.
unsigned FieldsOf(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return kBools;
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
      return kInts;
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
      return kInts | kUints;
    case DType::kUint64:
      return kUints;
    case DType::kFp16:
    case DType::kBf16:
    case DType::kFp32:
      return kFloats;
    case DType::kFp64:
      return kDoubles;
    case DType::kBytes:
      return kByteStrings;
    case DType::kComplex64:
    case DType::kComplex128:
      return 0;
  }
  return 0;
}

struct FieldUse {
  Field field;
  const char* name;
  int count;  // elements
};

std::array<FieldUse, 6> FieldsIn(const v1::Tensor& wire) {
  return {{{kBools, "bool_values", wire.bool_values_size()},
           {kInts, "int_values", wire.int_values_size()},
           {kUints, "uint_values", wire.uint_values_size()},
           {kFloats, "float_values", wire.float_values_size()},
           {kDoubles, "double_values", wire.double_values_size()},
           {kByteStrings, "bytes_values", wire.bytes_values_size()}}};
}

// "int_values or uint_values or raw".
std::string AllowedFields(const v1::Tensor& wire, DType dtype) {
  std::string names;
  for (const FieldUse& use : FieldsIn(wire)) {
    if (FieldsOf(dtype) & use.field) absl::StrAppend(&names, use.name, " or ");
  }
  return names + "raw";
}

std::string Summary(const Tensor& tensor) { return TensorSummary(tensor.dtype, tensor.shape); }

absl::Status OutOfRange(int index, const absl::AlphaNum& value, DType dtype) {
  return absl::InvalidArgumentError(absl::StrCat("element ", index, " is ", value, ", which ",
                                                 std::string(DTypeName(dtype)), " cannot hold"));
}

// Allocates the tensor's elements as `To` and fills them by `convert(from, &to)`, false where it does not
// fit.
template <typename To, typename Values, typename Convert>
absl::Status Fill(const Values& values, Tensor& tensor, Convert convert) {
  tensor.buffer = Buffer::Allocate(static_cast<size_t>(values.size()) * sizeof(To));
  To* const elements = static_cast<To*>(tensor.buffer.data);
  for (int i = 0; i < values.size(); ++i) {
    if (!convert(values[i], &elements[i])) return OutOfRange(i, values[i], tensor.dtype);
  }
  return absl::OkStatus();
}

template <std::integral To, std::integral From>
bool Narrow(From from, To* to) {
  *to = static_cast<To>(from);
  return std::in_range<To>(from);
}

bool ToHalf(float from, uint16_t* to) {
  *to = FloatToHalf(from);
  return (*to & 0x7fffu) != 0x7c00u || std::isinf(from);
}

bool ToBfloat16(float from, uint16_t* to) {
  *to = FloatToBfloat16(from);
  return (*to & 0x7fffu) != 0x7f80u || std::isinf(from);
}

template <typename T>
bool Same(T from, T* to) {
  *to = from;
  return true;
}

template <typename To>
absl::Status FillIntegers(const v1::Tensor& wire, Tensor& tensor) {
  if (wire.uint_values_size() > 0) return Fill<To>(wire.uint_values(), tensor, Narrow<To, uint64_t>);
  return Fill<To>(wire.int_values(), tensor, Narrow<To, int64_t>);
}

absl::Status FillTyped(v1::Tensor& wire, Tensor& tensor) {
  switch (tensor.dtype) {
    case DType::kBool:
      return Fill<bool>(wire.bool_values(), tensor, Same<bool>);
    case DType::kInt8:
      return FillIntegers<int8_t>(wire, tensor);
    case DType::kInt16:
      return FillIntegers<int16_t>(wire, tensor);
    case DType::kInt32:
      return FillIntegers<int32_t>(wire, tensor);
    case DType::kInt64:
      return FillIntegers<int64_t>(wire, tensor);
    case DType::kUint8:
      return FillIntegers<uint8_t>(wire, tensor);
    case DType::kUint16:
      return FillIntegers<uint16_t>(wire, tensor);
    case DType::kUint32:
      return FillIntegers<uint32_t>(wire, tensor);
    case DType::kUint64:
      return FillIntegers<uint64_t>(wire, tensor);
    case DType::kFp16:
      return Fill<uint16_t>(wire.float_values(), tensor, ToHalf);
    case DType::kBf16:
      return Fill<uint16_t>(wire.float_values(), tensor, ToBfloat16);
    case DType::kFp32:
      return Fill<float>(wire.float_values(), tensor, Same<float>);
    case DType::kFp64:
      return Fill<double>(wire.double_values(), tensor, Same<double>);
    case DType::kBytes:
      for (std::string& element : *wire.mutable_bytes_values()) tensor.strings.push_back(std::move(element));
      return absl::OkStatus();
    case DType::kComplex64:
    case DType::kComplex128:
      break;
  }
  return absl::InternalError(absl::StrCat("no typed field for ", Summary(tensor)));
}

absl::Status TakeTyped(v1::Tensor& wire, const FieldUse& use, int64_t elements, Tensor& tensor) {
  if (!(FieldsOf(tensor.dtype) & use.field)) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(DTypeName(tensor.dtype)),
                                                   " elements stand in ", use.name, "; use ",
                                                   AllowedFields(wire, tensor.dtype)));
  }
  if (use.count != elements) {
    return absl::InvalidArgumentError(
        absl::StrCat(use.name, " has ", use.count, " elements, but ", Summary(tensor), " takes ", elements));
  }
  return FillTyped(wire, tensor);
}

absl::Status TakeRawBytes(std::string_view raw, int64_t elements, Tensor& tensor) {
  // Before anything is reserved: a shape may promise more than the message can hold.
  if (static_cast<uint64_t>(elements) > raw.size() / kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat("raw has ", raw.size(),
                                                   " bytes, too few for the lengths of ", Summary(tensor),
                                                   ", which has ", elements, " elements"));
  }
  tensor.strings.reserve(static_cast<size_t>(elements));
  for (int64_t i = 0; i < elements; ++i) {
    uint32_t length;
    if (raw.size() < kLengthBytes) {
      return absl::InvalidArgumentError(absl::StrCat("raw ends before the length of element ", i));
    }
    std::memcpy(&length, raw.data(), kLengthBytes);
    raw.remove_prefix(kLengthBytes);
    if (length > raw.size()) {
      return absl::InvalidArgumentError(absl::StrCat("raw gives element ", i, " a length of ", length,
                                                     " bytes, but only ", raw.size(), " follow"));
    }
    tensor.strings.emplace_back(raw.substr(0, length));
    raw.remove_prefix(length);
  }
  if (!raw.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("raw has ", raw.size(), " bytes after the last element of ", Summary(tensor)));
  }
  return absl::OkStatus();
}

// Any other byte would be undefined behaviour in whoever reads it as a bool.
absl::Status CheckBools(std::string_view raw) {
  unsigned char all = 0;
  for (const char byte : raw) all |= static_cast<unsigned char>(byte);
  if (all <= 1) return absl::OkStatus();
  const size_t index = raw.find_first_not_of(std::string_view("\0\1", 2));
  return absl::InvalidArgumentError(absl::StrCat("element ", index, " is the byte ",
                                                 static_cast<unsigned char>(raw[index]),
                                                 "; BOOL elements are 0 or 1"));
}

absl::Status TakeRaw(v1::Tensor& wire, int64_t elements, Tensor& tensor) {
  if (tensor.dtype == DType::kBytes) return TakeRawBytes(wire.raw(), elements, tensor);
  const uint64_t expected = static_cast<uint64_t>(elements) * ItemSize(tensor.dtype);
  if (wire.raw().size() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("raw has ", wire.raw().size(), " bytes, but ", Summary(tensor), " takes ", expected));
  }
  if (tensor.dtype == DType::kBool) MODELD_RETURN_IF_ERROR(CheckBools(wire.raw()));
  tensor.buffer = Buffer::FromString(std::move(*wire.mutable_raw()));
  return absl::OkStatus();
}

void AppendRawBytes(const std::vector<std::string>& strings, std::string* raw) {
  size_t size = 0;
  for (const std::string& element : strings) size += kLengthBytes + element.size();
  raw->reserve(size);
  for (const std::string& element : strings) {
    const uint32_t length = static_cast<uint32_t>(element.size());
    raw->append(reinterpret_cast<const char*>(&length), kLengthBytes);
    raw->append(element);
  }
}

}  // namespace

absl::StatusOr<Tensor> TensorFromWire(v1::Tensor& wire) {
  Tensor tensor;
  const std::optional<DType> dtype = DTypeFromName(wire.dtype());
  if (!dtype.has_value()) {
    return absl::InvalidArgumentError(wire.dtype().empty()
                                          ? "the tensor has no dtype; expected one such as FP32"
                                          : absl::StrCat("unknown dtype ", Quote(wire.dtype()),
                                                         "; expected one such as FP32, INT64, BOOL, BYTES"));
  }
  tensor.dtype = *dtype;
  if (wire.shape_size() > kMaxDimensions) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tensor has ", wire.shape_size(), " dimensions; at most ", kMaxDimensions));
  }
  tensor.shape.assign(wire.shape().begin(), wire.shape().end());
  MODELD_ASSIGN_OR_RETURN(const int64_t elements, ElementCount(tensor.shape, tensor.dtype));

  const FieldUse* typed = nullptr;
  const std::array<FieldUse, 6> fields = FieldsIn(wire);
  for (const FieldUse& use : fields) {
    if (use.count == 0) continue;
    if (typed != nullptr || !wire.raw().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "elements stand in both ", typed != nullptr ? typed->name : "raw", " and ", use.name, "; use one"));
    }
    typed = &use;
  }
  if (typed != nullptr) {
    MODELD_RETURN_IF_ERROR(TakeTyped(wire, *typed, elements, tensor));
  } else {
    MODELD_RETURN_IF_ERROR(TakeRaw(wire, elements, tensor));
  }
  return tensor;
}

void TensorToWire(const Tensor& tensor, v1::Tensor* wire) {
  wire->set_dtype(std::string(DTypeName(tensor.dtype)));
  wire->mutable_shape()->Assign(tensor.shape.begin(), tensor.shape.end());
  if (tensor.dtype == DType::kBytes) {
    AppendRawBytes(tensor.strings, wire->mutable_raw());
  } else {
    wire->mutable_raw()->assign(static_cast<const char*>(tensor.buffer.data), tensor.buffer.size);
  }
}

}  // namespace modeld
