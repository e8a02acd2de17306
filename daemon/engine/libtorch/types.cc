#include "daemon/engine/libtorch/types.h"

#include <torch/version.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"

namespace modeld {
namespace {

constexpr std::pair<DType, at::ScalarType> kScalarTypes[] = {
    {DType::kBool, at::ScalarType::Bool},
    {DType::kInt8, at::ScalarType::Char},
    {DType::kInt16, at::ScalarType::Short},
    {DType::kInt32, at::ScalarType::Int},
    {DType::kInt64, at::ScalarType::Long},
    {DType::kUint8, at::ScalarType::Byte},
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
    {DType::kUint16, at::ScalarType::UInt16},
    {DType::kUint32, at::ScalarType::UInt32},
    {DType::kUint64, at::ScalarType::UInt64},
#endif
    {DType::kFp16, at::ScalarType::Half},
    {DType::kBf16, at::ScalarType::BFloat16},
    {DType::kFp32, at::ScalarType::Float},
    {DType::kFp64, at::ScalarType::Double},
    {DType::kComplex64, at::ScalarType::ComplexFloat},
    {DType::kComplex128, at::ScalarType::ComplexDouble},
};

Type Simple(Type::Kind kind) { return Type{kind, {}, {}, {}}; }

Type WithParams(Type::Kind kind, c10::ArrayRef<c10::TypePtr> contained) {
  Type type = Simple(kind);
  for (const c10::TypePtr& param : contained) type.params.push_back(FromTorchType(*param));
  return type;
}

Type FromTupleType(const c10::TupleType& tuple) {
  Type type = WithParams(Type::Kind::kTuple, tuple.elements());
  if (tuple.schema() != nullptr) {
    for (const c10::Argument& field : tuple.schema()->arguments()) type.field_names.push_back(field.name());
  }
  return type;
}

}  // namespace

std::optional<at::ScalarType> ToScalarType(DType dtype) {
  for (const auto& [ours, theirs] : kScalarTypes) {
    if (ours == dtype) return theirs;
  }
  return std::nullopt;
}

std::optional<DType> FromScalarType(at::ScalarType type) {
  for (const auto& [ours, theirs] : kScalarTypes) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

std::string ScalarTypeName(at::ScalarType type) {
  if (type == at::ScalarType::ComplexHalf) return "complex32";
  return absl::AsciiStrToLower(c10::toString(type));
}

Type FromTorchType(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return Simple(Type::Kind::kTensor);
    case c10::TypeKind::BoolType:
      return Simple(Type::Kind::kBool);
    case c10::TypeKind::IntType:
      return Simple(Type::Kind::kInt);
    case c10::TypeKind::FloatType:
      return Simple(Type::Kind::kFloat);
    case c10::TypeKind::ComplexType:
      return Simple(Type::Kind::kComplex);
    case c10::TypeKind::StringType:
      return Simple(Type::Kind::kString);
    case c10::TypeKind::NumberType:
      return Simple(Type::Kind::kNumber);
    case c10::TypeKind::NoneType:
      return Simple(Type::Kind::kNone);
    case c10::TypeKind::AnyType:
      return Simple(Type::Kind::kAny);
    case c10::TypeKind::ListType:
      return WithParams(Type::Kind::kList, type.containedTypes());
    case c10::TypeKind::DictType:
      return WithParams(Type::Kind::kDict, type.containedTypes());
    case c10::TypeKind::TupleType:
      return FromTupleType(type.expectRef<c10::TupleType>());
    case c10::TypeKind::OptionalType:
      return WithParams(Type::Kind::kOptional, {type.expectRef<c10::OptionalType>().getElementType()});
    case c10::TypeKind::UnionType:
      return WithParams(Type::Kind::kUnion, type.containedTypes());
    default:
      return Type{Type::Kind::kOther, {}, {}, type.annotation_str()};
  }
}

bool IsPassable(const Type& type) {
  switch (type.kind) {
    case Type::Kind::kOther:
      return false;
    case Type::Kind::kTuple:
      return std::all_of(type.params.begin(), type.params.end(), IsPassable);
    case Type::Kind::kUnion:
      return std::any_of(type.params.begin(), type.params.end(), IsPassable);
    default:  // a list or dictionary may be empty, an optional None
      return true;
  }
}

}  // namespace modeld
