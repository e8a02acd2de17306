#include "daemon/engine/libtorch/map_tensors.h"

#include <utility>
#include <vector>

namespace modeld {
namespace {

using Change = std::function<at::Tensor(const at::Tensor&)>;

// A value may contain itself, by way of List[Any].
constexpr int kMaxDepth = 100;

// Whether a value of the type may hold a tensor.
bool MayHoldTensors(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::StringType:
    case c10::TypeKind::ComplexType:
      return false;
    default:
      return true;
  }
}

c10::IValue MapBelow(c10::IValue value, const Change& change, int depth) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    return tensor.defined() ? c10::IValue(change(tensor)) : value;
  }
  if (depth >= kMaxDepth) return value;
  if (value.isTuple()) {
    const auto& tuple = value.toTupleRef();
    std::vector<c10::IValue> elements;
    for (const c10::IValue& element : tuple.elements()) {
      elements.push_back(MapBelow(element, change, depth + 1));
    }
    return c10::ivalue::Tuple::createNamed(std::move(elements), tuple.type());
  }
  if (value.isList() && MayHoldTensors(value.toList().elementType())) {
    const c10::impl::GenericList list = value.toList().copy();
    for (size_t i = 0; i < list.size(); ++i) list.set(i, MapBelow(list.get(i), change, depth + 1));
    return list;
  }
  if (value.isGenericDict() && MayHoldTensors(value.toGenericDict().valueType())) {
    const c10::impl::GenericDict dict = value.toGenericDict().copy();
    for (const auto& entry : dict) entry.setValue(MapBelow(entry.value(), change, depth + 1));
    return dict;
  }
  return value;
}

}  // namespace

c10::IValue MapTensors(c10::IValue value, const Change& change) {
  return MapBelow(std::move(value), change, 0);
}

}  // namespace modeld
