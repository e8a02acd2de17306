#include "daemon/engine/libtorch/convert.h"

#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/engine/libtorch/types.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// A value may contain itself by way of List[Any].
constexpr int kMaxDepth = 100;

absl::Status NotOfType(const Value& value, const c10::Type& type) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected ", type.annotation_str(), ", got ", ValueSummary(value)));
}

Buffer AlignedFor(const Buffer& buffer, size_t item_size) {
  if (reinterpret_cast<uintptr_t>(buffer.data) % item_size == 0) return buffer;
  Buffer copy = Buffer::Allocate(buffer.size);
  std::memcpy(copy.data, buffer.data, buffer.size);
  return copy;
}

absl::StatusOr<at::Tensor> ToTorchTensor(const Tensor& tensor) {
  const std::optional<at::ScalarType> type = ToScalarType(tensor.dtype);
  if (!type.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("this LibTorch has no tensors of ", std::string(DTypeName(tensor.dtype))));
  }
  const Buffer buffer = AlignedFor(tensor.buffer, ItemSize(tensor.dtype));
  return at::from_blob(
      buffer.data, tensor.shape, [owner = buffer.owner](void*) {},
      at::TensorOptions().dtype(*type).device(at::kCPU));
}

// A scalar, string, tensor or None as itself; none for a container.
absl::StatusOr<std::optional<c10::IValue>> ToLeaf(const Value& value) {
  if (value.get_if<None>() != nullptr) return c10::IValue();
  if (const auto* v = value.get_if<bool>()) return c10::IValue(*v);
  if (const auto* v = value.get_if<int64_t>()) return c10::IValue(*v);
  if (const auto* v = value.get_if<double>()) return c10::IValue(*v);
  if (const auto* v = value.get_if<std::complex<double>>()) return c10::IValue(c10::complex<double>(*v));
  if (const auto* v = value.get_if<std::string>()) return c10::IValue(*v);
  if (const auto* v = value.get_if<Tensor>()) {
    MODELD_ASSIGN_OR_RETURN(at::Tensor tensor, ToTorchTensor(*v));
    return c10::IValue(std::move(tensor));
  }
  return std::nullopt;
}

bool IsLeafOfKind(const c10::IValue& leaf, c10::TypeKind kind) {
  switch (kind) {
    case c10::TypeKind::TensorType:
      return leaf.isTensor();
    case c10::TypeKind::BoolType:
      return leaf.isBool();
    case c10::TypeKind::IntType:
      return leaf.isInt();
    case c10::TypeKind::FloatType:
      return leaf.isDouble();
    case c10::TypeKind::ComplexType:
      return leaf.isComplexDouble();
    case c10::TypeKind::StringType:
      return leaf.isString();
    case c10::TypeKind::NumberType:
      return leaf.isBool() || leaf.isInt() || leaf.isDouble() || leaf.isComplexDouble();
    case c10::TypeKind::NoneType:
      return leaf.isNone();
    case c10::TypeKind::AnyType:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<c10::IValue> ToList(const List& list, const c10::TypePtr& element) {
  c10::impl::GenericList result(element);
  result.reserve(list.items.size());
  for (const Value& item : list.items) {
    MODELD_ASSIGN_OR_RETURN(c10::IValue converted, ToIValue(item, element));
    result.push_back(std::move(converted));
  }
  return c10::IValue(std::move(result));
}

absl::StatusOr<c10::IValue> ToDict(const Dict& dict, const c10::TypePtr& key, const c10::TypePtr& value) {
  c10::impl::GenericDict result(key, value);
  result.reserve(dict.entries.size());
  for (const auto& [entry_key, entry_value] : dict.entries) {
    MODELD_ASSIGN_OR_RETURN(c10::IValue converted_key, ToIValue(entry_key, key));
    MODELD_ASSIGN_OR_RETURN(c10::IValue converted_value, ToIValue(entry_value, value));
    result.insert_or_assign(std::move(converted_key), std::move(converted_value));
  }
  return c10::IValue(std::move(result));
}

absl::StatusOr<c10::IValue> ToTuple(const Tuple& tuple, const c10::TypePtr& type) {
  const auto tuple_type = type->expect<c10::TupleType>();
  std::vector<c10::IValue> items;
  items.reserve(tuple.items.size());
  for (size_t i = 0; i < tuple.items.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(c10::IValue item, ToIValue(tuple.items[i], tuple_type->elements()[i]));
    items.push_back(std::move(item));
  }
  if (tuple_type->schema() == nullptr) return c10::IValue(c10::ivalue::Tuple::create(std::move(items)));
  return c10::IValue(c10::ivalue::Tuple::createNamed(std::move(items), tuple_type));
}

absl::StatusOr<c10::IValue> ToUnionMember(const Value& value, const c10::Type& type) {
  for (const c10::TypePtr& member : type.containedTypes()) {
    absl::StatusOr<c10::IValue> result = ToIValue(value, member);
    if (result.ok() || !absl::IsInvalidArgument(result.status())) return result;
  }
  return NotOfType(value, type);
}

// The type that values of an open type (Any) have; of several that differ: Any.
c10::TypePtr OpenType(const Value& value);

template <typename Items, typename Get>
c10::TypePtr CommonType(const Items& items, c10::TypePtr if_empty, const Get& get) {
  c10::TypePtr common;
  for (const auto& item : items) {
    c10::TypePtr type = OpenType(get(item));
    if (common == nullptr) {
      common = std::move(type);
    } else if (*common != *type) {
      return c10::AnyType::get();
    }
  }
  return common == nullptr ? if_empty : common;
}

c10::TypePtr OpenType(const Value& value) {
  if (value.get_if<None>() != nullptr) return c10::NoneType::get();
  if (value.get_if<bool>() != nullptr) return c10::BoolType::get();
  if (value.get_if<int64_t>() != nullptr) return c10::IntType::get();
  if (value.get_if<double>() != nullptr) return c10::FloatType::get();
  if (value.get_if<std::complex<double>>() != nullptr) return c10::ComplexType::get();
  if (value.get_if<std::string>() != nullptr) return c10::StringType::get();
  if (const auto* list = value.get_if<List>()) {
    return c10::ListType::create(CommonType(list->items, c10::TensorType::get(),
                                            [](const Value& item) -> const Value& { return item; }));
  }
  if (const auto* dict = value.get_if<Dict>()) {
    return c10::DictType::create(CommonType(dict->entries, c10::StringType::get(),
                                            [](const auto& entry) -> const Value& { return entry.first; }),
                                 CommonType(dict->entries, c10::TensorType::get(),
                                            [](const auto& entry) -> const Value& { return entry.second; }));
  }
  if (const auto* tuple = value.get_if<Tuple>()) {
    std::vector<c10::TypePtr> items;
    for (const Value& item : tuple->items) items.push_back(OpenType(item));
    return c10::TupleType::create(std::move(items));
  }
  return c10::TensorType::get();
}

// Puts a step into the value before the place that an error names.
absl::Status At(const std::string& step, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(step, status.message()));
}

absl::StatusOr<Value> FromIValueAt(const c10::IValue& value, int depth);

absl::StatusOr<Value> FromTensor(const at::Tensor& tensor) {
  if (!tensor.defined()) return Value{None{}};
  if (tensor.is_quantized()) {
    return absl::UnimplementedError(
        ": a quantized tensor cannot be returned; call .dequantize() on it in the model");
  }
  if (tensor.layout() != at::kStrided || tensor.is_nested()) {
    return absl::UnimplementedError(
        absl::StrCat(": a tensor of layout ",
                     tensor.is_nested() ? "nested" : absl::AsciiStrToLower(c10::str(tensor.layout())),
                     " cannot be returned; call ",
                     tensor.is_nested() ? ".to_padded_tensor(0.0)" : ".to_dense()", " on it in the model"));
  }
  const std::optional<DType> dtype = FromScalarType(tensor.scalar_type());
  if (!dtype.has_value()) {
    return absl::UnimplementedError(absl::StrCat(": a tensor of dtype ", ScalarTypeName(tensor.scalar_type()),
                                                 " cannot be returned; call .to(torch.float32) or the like "
                                                 "on it in the model"));
  }
  if (tensor.is_meta()) {
    return absl::UnimplementedError(": a tensor on the device \"meta\" has no elements to return");
  }
  const bool only_ours = tensor.use_count() == 1 && tensor.storage().use_count() == 1;
  at::Tensor dense = tensor.to(at::kCPU).resolve_conj().resolve_neg().contiguous();
  if (!only_ours && dense.is_alias_of(tensor)) dense = dense.clone(at::MemoryFormat::Contiguous);
  Tensor result{*dtype, dense.sizes().vec(), {}, {}};
  auto owner = std::make_shared<at::Tensor>(std::move(dense));
  void* const data = owner->data_ptr();
  const size_t size = owner->nbytes();
  result.buffer = Buffer{data, size, std::move(owner)};
  return Value{std::move(result)};
}

absl::StatusOr<std::vector<Value>> FromItems(c10::ArrayRef<c10::IValue> items, int depth) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    absl::StatusOr<Value> value = FromIValueAt(items[i], depth + 1);
    if (!value.ok()) return At(absl::StrCat("[", i, "]"), value.status());
    values.push_back(*std::move(value));
  }
  return values;
}

absl::StatusOr<Value> FromTuple(const c10::ivalue::Tuple& tuple, int depth) {
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> items, FromItems(tuple.elements(), depth));
  Tuple result{std::move(items), {}};
  const auto type = tuple.type<c10::TupleType>();
  if (type->schema() != nullptr) {
    for (const c10::Argument& field : type->schema()->arguments()) result.names.push_back(field.name());
  }
  return Value{std::move(result)};
}

std::string KeyStep(const c10::IValue& key) {
  if (key.isString()) return absl::StrCat("[", Quote(key.toStringRef()), "]");
  return c10::str("[", key, "]");
}

absl::StatusOr<Value> FromDict(const c10::impl::GenericDict& dict, int depth) {
  Dict result;
  result.entries.reserve(dict.size());
  for (const auto& entry : dict) {
    absl::StatusOr<Value> key = FromIValueAt(entry.key(), depth + 1);
    if (!key.ok()) return std::move(key).status();
    absl::StatusOr<Value> value = FromIValueAt(entry.value(), depth + 1);
    if (!value.ok()) return At(KeyStep(entry.key()), value.status());
    result.entries.emplace_back(*std::move(key), *std::move(value));
  }
  return Value{std::move(result)};
}

absl::StatusOr<Value> FromIValueAt(const c10::IValue& value, int depth) {
  if (depth > kMaxDepth) {
    return absl::UnimplementedError(absl::StrCat(": nested deeper than ", kMaxDepth, " levels"));
  }
  if (value.isNone()) return Value{None{}};
  if (value.isTensor()) return FromTensor(value.toTensor());
  if (value.isBool()) return Value{value.toBool()};
  if (value.isInt()) return Value{value.toInt()};
  if (value.isDouble()) return Value{value.toDouble()};
  if (value.isComplexDouble()) return Value{std::complex<double>(value.toComplexDouble())};
  if (value.isString()) return Value{value.toStringRef()};
  if (value.isList()) {
    MODELD_ASSIGN_OR_RETURN(std::vector<Value> items, FromItems(value.toListRef(), depth));
    return Value{List{std::move(items)}};
  }
  if (value.isTuple()) return FromTuple(value.toTupleRef(), depth);
  if (value.isGenericDict()) return FromDict(value.toGenericDict(), depth);
  return absl::UnimplementedError(
      absl::StrCat(": a value of type ", value.type()->annotation_str(),
                   " cannot be returned; return tensors, numbers, strings, lists, tuples, dictionaries or "
                   "None"));
}

}  // namespace

absl::StatusOr<c10::IValue> ToIValue(const Value& value, const c10::TypePtr& type) {
  if (type->kind() == c10::TypeKind::OptionalType) {
    if (value.get_if<None>() != nullptr) return c10::IValue();
    return ToIValue(value, type->expectRef<c10::OptionalType>().getElementType());
  }
  if (type->kind() == c10::TypeKind::UnionType) return ToUnionMember(value, *type);
  MODELD_ASSIGN_OR_RETURN(std::optional<c10::IValue> leaf, ToLeaf(value));
  if (leaf.has_value()) {
    if (IsLeafOfKind(*leaf, type->kind())) return *std::move(leaf);
    return NotOfType(value, *type);
  }
  if (type->kind() == c10::TypeKind::AnyType) return ToIValue(value, OpenType(value));
  if (const auto* list = value.get_if<List>(); list != nullptr && type->kind() == c10::TypeKind::ListType) {
    return ToList(*list, type->containedType(0));
  }
  if (const auto* dict = value.get_if<Dict>(); dict != nullptr && type->kind() == c10::TypeKind::DictType) {
    return ToDict(*dict, type->containedType(0), type->containedType(1));
  }
  if (const auto* tuple = value.get_if<Tuple>(); tuple != nullptr &&
                                                 type->kind() == c10::TypeKind::TupleType &&
                                                 tuple->items.size() == type->containedTypes().size()) {
    return ToTuple(*tuple, type);
  }
  return NotOfType(value, *type);
}

absl::StatusOr<Value> FromIValue(c10::IValue value) {
  absl::StatusOr<Value> result = FromIValueAt(value, 0);
  if (!result.ok()) return At("output", result.status());
  return result;
}

}  // namespace modeld
