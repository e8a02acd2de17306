#include "registry/cli/unpack.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cpp/tensor.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// Moves the elements of `value`, a tensor of T, to the field that `field` adds to.
template <typename T, typename Field>
absl::Status Unpack(v1::Value& value, Field* (v1::Tensor::*field)()) {
  MODELD_ASSIGN_OR_RETURN(const TensorView<T> view, AsTensor<T>(value));
  Field* const elements = (value.mutable_tensor()->*field)();
  elements->Reserve(static_cast<int>(view.elements.size()));
  for (const T element : view.elements) elements->Add(element);
  value.mutable_tensor()->clear_raw();
  return absl::OkStatus();
}

absl::Status UnpackBytes(v1::Value& value) {
  MODELD_ASSIGN_OR_RETURN(const BytesTensorView view, AsBytesTensor(value));
  for (const std::string_view element : view.elements) {
    value.mutable_tensor()->add_bytes_values(element.data(), element.size());
  }
  value.mutable_tensor()->clear_raw();
  return absl::OkStatus();
}

// FP16 and BF16: two bytes an element.
absl::Status UnpackShortFloats(v1::Tensor& tensor, float (*to_float)(uint16_t)) {
  uint64_t count = 1;
  for (const int64_t dimension : tensor.shape()) count *= static_cast<uint64_t>(dimension);
  if (tensor.raw().size() != count * sizeof(uint16_t)) {
    return absl::InvalidArgumentError(absl::StrCat("a tensor of ", tensor.dtype(), "[",
                                                   absl::StrJoin(tensor.shape(), ","), "] came with ",
                                                   tensor.raw().size(), " bytes"));
  }
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, tensor.raw().data() + i * sizeof(bits), sizeof(bits));
    tensor.add_float_values(to_float(bits));
  }
  tensor.clear_raw();
  return absl::OkStatus();
}

float Bfloat16ToFloat(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

absl::Status UnpackTensor(v1::Value& value) {
  using v1::Tensor;
  const std::string& dtype = value.tensor().dtype();
  if (value.tensor().raw().empty()) return absl::OkStatus();
  if (dtype == "BOOL") return Unpack<bool>(value, &Tensor::mutable_bool_values);
  if (dtype == "INT8") return Unpack<int8_t>(value, &Tensor::mutable_int_values);
  if (dtype == "INT16") return Unpack<int16_t>(value, &Tensor::mutable_int_values);
  if (dtype == "INT32") return Unpack<int32_t>(value, &Tensor::mutable_int_values);
  if (dtype == "INT64") return Unpack<int64_t>(value, &Tensor::mutable_int_values);
  if (dtype == "UINT8") return Unpack<uint8_t>(value, &Tensor::mutable_int_values);
  if (dtype == "UINT16") return Unpack<uint16_t>(value, &Tensor::mutable_int_values);
  if (dtype == "UINT32") return Unpack<uint32_t>(value, &Tensor::mutable_int_values);
  if (dtype == "UINT64") return Unpack<uint64_t>(value, &Tensor::mutable_uint_values);
  if (dtype == "FP32") return Unpack<float>(value, &Tensor::mutable_float_values);
  if (dtype == "FP64") return Unpack<double>(value, &Tensor::mutable_double_values);
  if (dtype == "FP16") return UnpackShortFloats(*value.mutable_tensor(), HalfToFloat);
  if (dtype == "BF16") return UnpackShortFloats(*value.mutable_tensor(), Bfloat16ToFloat);
  if (dtype == "BYTES") return UnpackBytes(value);
  if (dtype == "COMPLEX64") return AsTensor<std::complex<float>>(value).status();
  if (dtype == "COMPLEX128") return AsTensor<std::complex<double>>(value).status();
  return absl::InvalidArgumentError(absl::StrCat("a tensor of the unknown dtype \"", dtype, "\""));
}

}  // namespace

float HalfToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t magnitude = bits & 0x7fffu;
  // Infinities and NaN keep their mantissa; subnormals are multiples of 2^-24; the rest changes its bias.
  if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude < 0x400u) {
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return sign == 0 ? value : -value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
}

absl::Status UnpackTensors(v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kTensor:
      return UnpackTensor(value);
    case v1::Value::kList:
      for (v1::Value& item : *value.mutable_list()->mutable_items())
        MODELD_RETURN_IF_ERROR(UnpackTensors(item));
      return absl::OkStatus();
    case v1::Value::kTuple:
      for (v1::Value& item : *value.mutable_tuple()->mutable_items())
        MODELD_RETURN_IF_ERROR(UnpackTensors(item));
      return absl::OkStatus();
    case v1::Value::kDict:
      for (v1::DictEntry& entry : *value.mutable_dict()->mutable_entries()) {
        MODELD_RETURN_IF_ERROR(UnpackTensors(*entry.mutable_value()));
      }
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

}  // namespace modeld
