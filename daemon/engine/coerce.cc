#include "daemon/engine/coerce.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

using Result = std::optional<Mismatch>;

Result Unexpected(const Type& type, const Value& value) {
  return Mismatch{"", absl::StrCat("expected ", TypeName(type), ", got ", ValueSummary(value))};
}

Result Inside(const std::string& step, Mismatch mismatch) {
  mismatch.path.insert(0, step);
  return mismatch;
}

Result CheckTensor(const Tensor& tensor) {
  const absl::StatusOr<int64_t> count = ElementCount(tensor.shape, tensor.dtype);
  if (!count.ok()) return Mismatch{"", std::string(count.status().message())};
  const std::string summary = TensorSummary(tensor.dtype, tensor.shape);
  if (tensor.dtype == DType::kBytes) {
    if (static_cast<int64_t>(tensor.strings.size()) == *count) return std::nullopt;
    return Mismatch{"", absl::StrCat(summary, " takes ", *count, " elements, got ", tensor.strings.size())};
  }
  const uint64_t bytes = static_cast<uint64_t>(*count) * ItemSize(tensor.dtype);
  if (tensor.buffer.size == bytes) return std::nullopt;
  return Mismatch{"", absl::StrCat(summary, " takes ", bytes, " bytes, got ", tensor.buffer.size)};
}

template <typename T>
T ReadElement(const Tensor& tensor, int64_t index) {
  T element;  // memcpy: bytes from the wire need not be aligned
  std::memcpy(&element, static_cast<const char*>(tensor.buffer.data) + index * sizeof(T), sizeof(T));
  return element;
}

float FloatFromBits(uint32_t bits) {
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

// IEEE 754 binary16.
double HalfToDouble(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  double magnitude;
  if (exponent == 0x1f) {
    magnitude =
        fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(fraction | 0x400, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

// One element as a scalar or string; none for an unsigned integer beyond int64.
std::optional<Value> ElementAt(const Tensor& tensor, int64_t index) {
  switch (tensor.dtype) {
    case DType::kBool:
      return Value{ReadElement<uint8_t>(tensor, index) != 0};
    case DType::kInt8:
      return Value{static_cast<int64_t>(ReadElement<int8_t>(tensor, index))};
    case DType::kInt16:
      return Value{static_cast<int64_t>(ReadElement<int16_t>(tensor, index))};
    case DType::kInt32:
      return Value{static_cast<int64_t>(ReadElement<int32_t>(tensor, index))};
    case DType::kInt64:
      return Value{ReadElement<int64_t>(tensor, index)};
    case DType::kUint8:
      return Value{static_cast<int64_t>(ReadElement<uint8_t>(tensor, index))};
    case DType::kUint16:
      return Value{static_cast<int64_t>(ReadElement<uint16_t>(tensor, index))};
    case DType::kUint32:
      return Value{static_cast<int64_t>(ReadElement<uint32_t>(tensor, index))};
    case DType::kUint64: {
      const uint64_t element = ReadElement<uint64_t>(tensor, index);
      if (element > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return Value{static_cast<int64_t>(element)};
    }
    case DType::kFp16:
      return Value{HalfToDouble(ReadElement<uint16_t>(tensor, index))};
    case DType::kBf16:
      return Value{static_cast<double>(
          FloatFromBits(static_cast<uint32_t>(ReadElement<uint16_t>(tensor, index)) << 16))};
    case DType::kFp32:
      return Value{static_cast<double>(ReadElement<float>(tensor, index))};
    case DType::kFp64:
      return Value{ReadElement<double>(tensor, index)};
    case DType::kComplex64:
      return Value{std::complex<double>(ReadElement<std::complex<float>>(tensor, index))};
    case DType::kComplex128:
      return Value{ReadElement<std::complex<double>>(tensor, index)};
    case DType::kBytes:
      return Value{tensor.strings[static_cast<size_t>(index)]};
  }
  return std::nullopt;
}

bool IsScalar(const Type& type) {
  switch (type.kind) {
    case Type::Kind::kBool:
    case Type::Kind::kInt:
    case Type::Kind::kFloat:
    case Type::Kind::kComplex:
    case Type::Kind::kString:
    case Type::Kind::kNumber:
      return true;
    default:
      return false;
  }
}

bool HoldsScalar(const Type& type, const Value& value) {
  switch (type.kind) {
    case Type::Kind::kBool:
      return value.get_if<bool>() != nullptr;
    case Type::Kind::kInt:
      return value.get_if<int64_t>() != nullptr;
    case Type::Kind::kFloat:
      return value.get_if<double>() != nullptr;
    case Type::Kind::kComplex:
      return value.get_if<std::complex<double>>() != nullptr;
    case Type::Kind::kString:
      return value.get_if<std::string>() != nullptr;
    case Type::Kind::kNumber:
      return value.get_if<bool>() != nullptr || value.get_if<int64_t>() != nullptr ||
             value.get_if<double>() != nullptr || value.get_if<std::complex<double>>() != nullptr;
    default:
      return false;
  }
}

Result CoerceScalar(const Type& type, Value& value) {
  std::optional<Value> element;
  if (const Tensor* tensor = value.get_if<Tensor>()) {
    if (Result mismatch = CheckTensor(*tensor)) return mismatch;
    if (tensor->element_count() != 1) return Unexpected(type, value);
    element = ElementAt(*tensor, 0);
    if (!element.has_value()) {
      return Mismatch{"", absl::StrCat("expected ", TypeName(type), ", got ", ValueSummary(value),
                                       " beyond the range of int64")};
    }
  }
  Value& scalar = element.has_value() ? *element : value;
  if (type.kind == Type::Kind::kFloat) {
    if (const int64_t* integer = scalar.get_if<int64_t>()) scalar.data = static_cast<double>(*integer);
  }
  if (!HoldsScalar(type, scalar)) return Unexpected(type, value);
  if (element.has_value()) value = *std::move(element);
  return std::nullopt;
}

// The elements of a tensor of one dimension.
Result TensorToList(const Type& type, Value& value) {
  const Tensor& tensor = *value.get_if<Tensor>();
  if (Result mismatch = CheckTensor(tensor)) return mismatch;
  if (tensor.shape.size() != 1) return Unexpected(type, value);
  List list;
  list.items.reserve(static_cast<size_t>(tensor.shape[0]));
  for (int64_t i = 0; i < tensor.shape[0]; ++i) {
    std::optional<Value> element = ElementAt(tensor, i);
    if (!element.has_value()) {
      return Mismatch{absl::StrCat("[", i, "]"),
                      absl::StrCat("an element of ", ValueSummary(value), " is beyond the range of int64")};
    }
    list.items.push_back(*std::move(element));
  }
  value.data = std::move(list);
  return std::nullopt;
}

Result CoerceList(const Type& type, Value& value) {
  const Type& element = type.params[0];
  if (Tuple* tuple = value.get_if<Tuple>()) {
    value.data = List{std::move(tuple->items)};
  } else if (value.get_if<Tensor>() != nullptr && IsScalar(element)) {
    const Value tensor = value;  // shares its bytes; for the message
    if (Result mismatch = TensorToList(type, value)) return mismatch;
    for (Value& item : value.get_if<List>()->items) {
      if (Coerce(element, item).has_value()) return Unexpected(type, tensor);
    }
    return std::nullopt;
  }
  List* const list = value.get_if<List>();
  if (list == nullptr) return Unexpected(type, value);
  for (size_t i = 0; i < list->items.size(); ++i) {
    if (Result mismatch = Coerce(element, list->items[i])) {
      return Inside(absl::StrCat("[", i, "]"), *std::move(mismatch));
    }
  }
  return std::nullopt;
}

Result CoerceTuple(const Type& type, Value& value) {
  if (List* list = value.get_if<List>(); list != nullptr && list->items.size() == type.params.size()) {
    value.data = Tuple{std::move(list->items), {}};
  }
  Tuple* const tuple = value.get_if<Tuple>();
  if (tuple == nullptr || tuple->items.size() != type.params.size()) return Unexpected(type, value);
  if (!tuple->names.empty() && !type.field_names.empty() && tuple->names != type.field_names) {
    return Mismatch{"", absl::StrCat("expected ", TypeName(type), ", got a tuple with the fields ",
                                     absl::StrJoin(tuple->names, ", "))};
  }
  tuple->names = type.field_names;
  for (size_t i = 0; i < tuple->items.size(); ++i) {
    if (Result mismatch = Coerce(type.params[i], tuple->items[i])) {
      return Inside(absl::StrCat("[", i, "]"), *std::move(mismatch));
    }
  }
  return std::nullopt;
}

// A string is a tensor without dimensions, a list of strings one of one dimension.
Result CoerceStringTensor(const Type& type, Value& value) {
  if (auto* text = value.get_if<std::string>()) {
    value.data = Tensor{DType::kBytes, {}, {}, {std::move(*text)}};
  } else if (auto* list = value.get_if<List>()) {
    Tensor tensor{DType::kBytes, {static_cast<int64_t>(list->items.size())}, {}, {}};
    for (Value& item : list->items) {
      auto* const element = item.get_if<std::string>();
      if (element == nullptr) return Unexpected(type, value);
      tensor.strings.push_back(std::move(*element));
    }
    value.data = std::move(tensor);
  }
  const Tensor* const tensor = value.get_if<Tensor>();
  if (tensor == nullptr || tensor->dtype != DType::kBytes) return Unexpected(type, value);
  return CheckTensor(*tensor);
}

std::string KeyStep(const Value& key, size_t index) {
  if (const auto* text = key.get_if<std::string>()) {
    return absl::StrCat("[", Quote(*text), "]");
  }
  if (const auto* integer = key.get_if<int64_t>()) return absl::StrCat("[", *integer, "]");
  return absl::StrCat("[entry ", index, "]");
}

Result CoerceDict(const Type& type, Value& value) {
  Dict* const dict = value.get_if<Dict>();
  if (dict == nullptr) return Unexpected(type, value);
  for (size_t i = 0; i < dict->entries.size(); ++i) {
    auto& [key, item] = dict->entries[i];
    if (Result mismatch = Coerce(type.params[0], key)) {
      mismatch->message.insert(0, "as a key, ");
      return Inside(KeyStep(key, i), *std::move(mismatch));
    }
    if (Result mismatch = Coerce(type.params[1], item)) {
      return Inside(KeyStep(key, i), *std::move(mismatch));
    }
  }
  return std::nullopt;
}

// Whether `value` is of one of the union's members without any conversion, as far as its outermost layer
// shows.
bool IsOfKind(const Type& type, const Value& value) {
  switch (type.kind) {
    case Type::Kind::kTensor: {
      const Tensor* tensor = value.get_if<Tensor>();
      return tensor != nullptr && tensor->dtype != DType::kBytes;
    }
    case Type::Kind::kStringTensor: {
      const Tensor* tensor = value.get_if<Tensor>();
      return tensor != nullptr && tensor->dtype == DType::kBytes;
    }
    case Type::Kind::kNone:
      return value.get_if<None>() != nullptr;
    case Type::Kind::kList:
      return value.get_if<List>() != nullptr;
    case Type::Kind::kTuple:
      return value.get_if<Tuple>() != nullptr;
    case Type::Kind::kDict:
      return value.get_if<Dict>() != nullptr;
    default:
      return HoldsScalar(type, value);
  }
}

// The first member of its own kind that it fits; else the first that it can be converted to.
Result CoerceUnion(const Type& type, Value& value) {
  for (const bool of_kind : {true, false}) {
    for (const Type& member : type.params) {
      if (IsOfKind(member, value) != of_kind) continue;
      Value converted = value;
      if (Coerce(member, converted).has_value()) continue;
      value = std::move(converted);
      return std::nullopt;
    }
  }
  return Unexpected(type, value);
}

Result CoerceAny(const Type& type, Value& value) {
  if (Tensor* tensor = value.get_if<Tensor>()) {
    if (Result mismatch = CheckTensor(*tensor)) return mismatch;
    if (tensor->dtype != DType::kBytes) return std::nullopt;
    if (!tensor->shape.empty()) return TensorToList(type, value);
    value.data = std::string(tensor->strings[0]);
  } else if (value.get_if<List>() != nullptr) {
    return CoerceList(Type{Type::Kind::kList, {type}, {}, {}}, value);
  } else if (Tuple* tuple = value.get_if<Tuple>()) {
    return CoerceTuple(
        Type{Type::Kind::kTuple, std::vector<Type>(tuple->items.size(), type), tuple->names, {}}, value);
  } else if (value.get_if<Dict>() != nullptr) {
    return CoerceDict(Type{Type::Kind::kDict, {type, type}, {}, {}}, value);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Mismatch> Coerce(const Type& type, Value& value) {
  switch (type.kind) {
    case Type::Kind::kTensor: {
      const Tensor* tensor = value.get_if<Tensor>();
      if (tensor == nullptr || tensor->dtype == DType::kBytes) return Unexpected(type, value);
      return CheckTensor(*tensor);
    }
    case Type::Kind::kStringTensor:
      return CoerceStringTensor(type, value);
    case Type::Kind::kBool:
    case Type::Kind::kInt:
    case Type::Kind::kFloat:
    case Type::Kind::kComplex:
    case Type::Kind::kString:
    case Type::Kind::kNumber:
      return CoerceScalar(type, value);
    case Type::Kind::kNone:
      return value.get_if<None>() != nullptr ? std::nullopt : Unexpected(type, value);
    case Type::Kind::kList:
      return CoerceList(type, value);
    case Type::Kind::kTuple:
      return CoerceTuple(type, value);
    case Type::Kind::kDict:
      return CoerceDict(type, value);
    case Type::Kind::kOptional:
      return value.get_if<None>() != nullptr ? std::nullopt : Coerce(type.params[0], value);
    case Type::Kind::kUnion:
      return CoerceUnion(type, value);
    case Type::Kind::kAny:
      return CoerceAny(type, value);
    case Type::Kind::kOther:
      return Mismatch{"", absl::StrCat("values of type ", TypeName(type), " cannot be passed")};
  }
  return Unexpected(type, value);
}

}  // namespace modeld
