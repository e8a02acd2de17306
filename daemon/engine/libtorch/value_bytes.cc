#include "daemon/engine/libtorch/value_bytes.h"

#include <vector>

namespace modeld {
namespace {

constexpr auto kValue = static_cast<int64_t>(sizeof(c10::IValue));
constexpr int64_t kText = 64;     // one in a list or a dictionary, which is not looked at
constexpr int64_t kTensor = 300;  // beside its elements
constexpr int64_t kEntry = 160;   // of a dictionary, beside key and value

// Of values of the type; 0: they are to be looked at.
int64_t BytesOfEach(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
      return kValue;
    case c10::TypeKind::StringType:
      return kValue + kText;
    default:
      return 0;
  }
}

}  // namespace

void ValueBytes::Add(const c10::IValue& value) {
  // Not by recursion: lists of Any may hold themselves, and objects chains of any length.
  std::vector<c10::IValue> left{value};
  const auto add_all = [&](const auto& values) {
    for (const c10::IValue& part : values) left.push_back(part);
  };
  while (!left.empty()) {
    const c10::IValue part = std::move(left.back());
    left.pop_back();
    if (part.isTensor()) {
      AddTensor(part.toTensor());
      continue;
    }
    if (!part.isPtrType() || !seen_.insert(part.internalToPointer()).second) continue;
    if (part.isString()) {
      total_ += static_cast<int64_t>(part.toStringRef().size());
    } else if (part.isList()) {
      const c10::List<c10::IValue> list = part.toList();
      const int64_t each = BytesOfEach(list.elementType());
      total_ += static_cast<int64_t>(list.size()) * (each > 0 ? each : kValue);
      if (each == 0) add_all(part.toListRef());
    } else if (part.isGenericDict()) {
      const c10::Dict<c10::IValue, c10::IValue> dict = part.toGenericDict();
      const int64_t key = BytesOfEach(dict.keyType());
      const int64_t each = BytesOfEach(dict.valueType());
      total_ += static_cast<int64_t>(dict.size()) *
                (kEntry + (key > 0 ? key : kValue) + (each > 0 ? each : kValue));
      if (key > 0 && each > 0) continue;
      for (const auto& entry : dict) {
        left.push_back(entry.key());
        left.push_back(entry.value());
      }
    } else if (part.isFuture()) {
      const auto future = part.toFuture();
      if (future->hasValue()) left.push_back(future->constValue());
    } else if (part.isTuple()) {
      add_all(part.toTupleRef().elements());
    } else if (part.isObject()) {
      total_ += static_cast<int64_t>(part.toObjectRef().slots().size()) * kValue;
      add_all(part.toObjectRef().slots());
    }
  }
}

void ValueBytes::AddTensor(const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  if (tensor.layout() == at::kSparse) {
    AddTensor(tensor._indices());
    return AddTensor(tensor._values());
  }
  const void* const memory = tensor.has_storage()
                                 ? static_cast<const void*>(tensor.storage().unsafeGetStorageImpl())
                                 : tensor.unsafeGetTensorImpl();
  if (!seen_.insert(memory).second) return;
  total_ += kTensor + static_cast<int64_t>(tensor.has_storage() ? tensor.storage().nbytes()
                                                                : tensor.numel() * tensor.itemsize());
}

}  // namespace modeld
