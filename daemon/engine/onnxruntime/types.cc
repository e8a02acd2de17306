#include "daemon/engine/onnxruntime/types.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr std::pair<DType, ONNXTensorElementDataType> kElementTypes[] = {
    {DType::kBool, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
    {DType::kInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {DType::kInt16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {DType::kInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {DType::kInt64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {DType::kUint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {DType::kUint16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    {DType::kUint32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {DType::kUint64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    {DType::kFp16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {DType::kBf16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    {DType::kFp32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {DType::kFp64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {DType::kComplex64, ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64},
    {DType::kComplex128, ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX128},
    {DType::kBytes, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING},
};

Type Simple(Type::Kind kind) { return Type{kind, {}, {}, {}}; }
Type Other(std::string name) { return Type{Type::Kind::kOther, {}, {}, std::move(name)}; }

Type TensorType(ONNXTensorElementDataType type) {
  const std::optional<DType> dtype = FromOnnxElement(type);
  if (!dtype.has_value()) return Other(absl::StrCat("a tensor of ONNX's element type ", type));
  return Simple(*dtype == DType::kBytes ? Type::Kind::kStringTensor : Type::Kind::kTensor);
}

// Of a map's key or value.
Type ScalarType(ONNXTensorElementDataType type) {
  const std::optional<DType> dtype = FromOnnxElement(type);
  if (dtype == DType::kInt64) return Simple(Type::Kind::kInt);
  if (dtype == DType::kFp32 || dtype == DType::kFp64) return Simple(Type::Kind::kFloat);
  if (dtype == DType::kBytes) return Simple(Type::Kind::kString);
  return Other(absl::StrCat("a scalar of ONNX's element type ", type));
}

Type MapType(const Ort::ConstMapTypeInfo& info) {
  const Ort::TypeInfo value = info.GetMapValueType();
  Type type = Simple(Type::Kind::kDict);
  type.params.push_back(ScalarType(info.GetMapKeyType()));
  type.params.push_back(value.GetONNXType() == ONNX_TYPE_TENSOR
                            ? ScalarType(value.GetTensorTypeAndShapeInfo().GetElementType())
                            : Other("a map's value that is no scalar"));
  return type;
}

}  // namespace

ONNXTensorElementDataType ToOnnxElement(DType dtype) {
  for (const auto& [ours, theirs] : kElementTypes) {
    if (ours == dtype) return theirs;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

std::optional<DType> FromOnnxElement(ONNXTensorElementDataType type) {
  for (const auto& [ours, theirs] : kElementTypes) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

Type FromOnnxType(const Ort::ConstTypeInfo& info) {
  switch (info.GetONNXType()) {
    case ONNX_TYPE_TENSOR:
      return TensorType(info.GetTensorTypeAndShapeInfo().GetElementType());
    case ONNX_TYPE_SEQUENCE: {
      const Ort::TypeInfo element = info.GetSequenceTypeInfo().GetSequenceElementType();
      return Type{Type::Kind::kList, {FromOnnxType(element.GetConst())}, {}, {}};
    }
    case ONNX_TYPE_MAP:
      return MapType(info.GetMapTypeInfo());
    case ONNX_TYPE_OPTIONAL: {
      const Ort::TypeInfo element = info.GetOptionalTypeInfo().GetOptionalElementType();
      return Type{Type::Kind::kOptional, {FromOnnxType(element.GetConst())}, {}, {}};
    }
    case ONNX_TYPE_SPARSETENSOR:
      return Other("a sparse tensor");
    default:
      return Other("a value of a type that ONNX Runtime does not name");
  }
}

bool IsReturnable(const Type& type) {
  return type.kind != Type::Kind::kOther && std::all_of(type.params.begin(), type.params.end(), IsReturnable);
}

DeclaredTensor DeclaredBy(const Ort::ConstTensorTypeAndShapeInfo& info) {
  DeclaredTensor declared{.name = "", .dtype = FromOnnxElement(info.GetElementType()), .shape = {}};
  std::vector<int64_t> shape = info.GetShape();
  if (!shape.empty()) declared.shape = std::move(shape);
  return declared;
}

}  // namespace modeld
