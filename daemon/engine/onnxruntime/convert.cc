#include "daemon/engine/onnxruntime/convert.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/onnxruntime/types.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

Ort::Value StringsToOrt(const Tensor& tensor) {
  const Ort::AllocatorWithDefaultOptions allocator;
  Ort::Value value = Ort::Value::CreateTensor(allocator, tensor.shape.data(), tensor.shape.size(),
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING);
  // Not by FillStringTensor, which ends a string at its first zero byte.
  for (size_t i = 0; i < tensor.strings.size(); ++i) {
    const std::string& text = tensor.strings[i];
    char* const bytes = value.GetResizedStringTensorElementBuffer(i, text.size());
    if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
  }
  return value;
}

std::vector<std::string> StringsFromOrt(const Ort::Value& value, size_t count) {
  std::vector<std::string> strings;
  strings.reserve(count);
  for (size_t i = 0; i < count; ++i) strings.push_back(value.GetStringTensorElement(i));
  return strings;
}

absl::StatusOr<Value> FromTensor(Ort::Value value) {
  const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
  const std::optional<DType> dtype = FromOnnxElement(info.GetElementType());
  if (!dtype.has_value()) {
    return absl::UnimplementedError(absl::StrCat("a tensor of ONNX's element type ", info.GetElementType(),
                                                 " cannot be returned; cast it in the model"));
  }
  const size_t count = info.GetElementCount();
  Tensor tensor{*dtype, info.GetShape(), {}, {}};
  if (*dtype == DType::kBytes) {
    tensor.strings = StringsFromOrt(value, count);
    return Value{std::move(tensor)};
  }
  void* const data = value.GetTensorMutableRawData();
  tensor.buffer = Buffer{data, count * ItemSize(*dtype), std::make_shared<Ort::Value>(std::move(value))};
  return Value{std::move(tensor)};
}

absl::StatusOr<Value> FromSequence(const Ort::Value& value) {
  const Ort::AllocatorWithDefaultOptions allocator;
  List list;
  const size_t count = value.GetCount();
  list.items.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    MODELD_ASSIGN_OR_RETURN(list.items.emplace_back(),
                            FromOrtValue(value.GetValue(static_cast<int>(i), allocator)));
  }
  return Value{std::move(list)};
}

// The elements of a tensor of one dimension that is all the keys, or all the values, of a map.
absl::StatusOr<std::vector<Value>> Scalars(const Ort::Value& value) {
  const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
  const size_t count = info.GetElementCount();
  std::vector<Value> scalars;
  scalars.reserve(count);
  const auto add = [&](const auto* elements, auto convert) {
    for (size_t i = 0; i < count; ++i) scalars.push_back(Value{convert(elements[i])});
  };
  switch (info.GetElementType()) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      add(value.GetTensorData<int64_t>(), [](int64_t x) { return x; });
      return scalars;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      add(value.GetTensorData<float>(), [](float x) { return double{x}; });
      return scalars;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      add(value.GetTensorData<double>(), [](double x) { return x; });
      return scalars;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING:
      for (std::string& text : StringsFromOrt(value, count)) scalars.push_back(Value{std::move(text)});
      return scalars;
    default:
      return absl::UnimplementedError(absl::StrCat("a map with keys or values of ONNX's element type ",
                                                   info.GetElementType(), " cannot be returned"));
  }
}

absl::StatusOr<Value> FromMap(const Ort::Value& value) {
  const Ort::AllocatorWithDefaultOptions allocator;
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> keys, Scalars(value.GetValue(0, allocator)));
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> values, Scalars(value.GetValue(1, allocator)));
  Dict dict;
  dict.entries.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    dict.entries.emplace_back(std::move(keys[i]), std::move(values.at(i)));
  }
  return Value{std::move(dict)};
}

}  // namespace

Ort::Value ToOrtValue(Tensor& tensor) {
  if (tensor.dtype == DType::kBytes) return StringsToOrt(tensor);
  static const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  Buffer& buffer = tensor.buffer;
  // An empty tensor's bytes may be nowhere, which the library refuses.
  if (buffer.data == nullptr || reinterpret_cast<uintptr_t>(buffer.data) % ItemSize(tensor.dtype) != 0) {
    Buffer aligned = Buffer::Allocate(buffer.size);
    if (buffer.size > 0) std::memcpy(aligned.data, buffer.data, buffer.size);
    buffer = std::move(aligned);
  }
  return Ort::Value::CreateTensor(memory, buffer.data, buffer.size, tensor.shape.data(), tensor.shape.size(),
                                  ToOnnxElement(tensor.dtype));
}

absl::StatusOr<Value> FromOrtValue(Ort::Value value) {
  if (!value.HasValue()) return Value{None{}};
  switch (value.GetTypeInfo().GetONNXType()) {
    case ONNX_TYPE_TENSOR:
      return FromTensor(std::move(value));
    case ONNX_TYPE_SEQUENCE:
      return FromSequence(value);
    case ONNX_TYPE_MAP:
      return FromMap(value);
    default:
      return absl::UnimplementedError(
          "a value that is no tensor, sequence or map cannot be returned; return one of these");
  }
}

}  // namespace modeld
