#include "daemon/engine/libtorch/module_state.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace modeld {
namespace {

using c10::ivalue::Object;
using ObjectPtr = c10::intrusive_ptr<Object>;

bool IsPlain(const c10::IValue& value) {
  return value.isTensor() || value.isNone() || value.isBool() || value.isInt() || value.isDouble() ||
         value.isString();
}

int64_t VersionOf(const c10::IValue& value) {
  if (!value.isTensor() || !value.toTensor().defined()) return 0;
  const at::Tensor& tensor = value.toTensor();
  // One that was made in inference mode has no count; then it is another tensor than the one that was copied.
  return tensor.is_inference() ? -1 : tensor._version();
}

bool Same(const c10::IValue& a, const c10::IValue& b) {
  if (a.isTensor() && b.isTensor()) return a.toTensor().is_same(b.toTensor());
  if (a.isString() && b.isString()) return a.toStringRef() == b.toStringRef();
  return a.is(b);
}

}  // namespace

class ModuleState::Copier {
 public:
  Copier(ModuleState& state, bool copy_parameters) : state_(state), copy_parameters_(copy_parameters) {}

  // A submodule that several others hold stays one.
  ObjectPtr Copy(const ObjectPtr& object) {
    if (const auto known = copies_.find(object.get()); known != copies_.end()) return known->second;
    const auto type = object->type();
    const size_t count = object->slots().size();
    ObjectPtr copy = Object::create(c10::StrongTypePtr(object->compilation_unit(), type), count);
    copies_.emplace(object.get(), copy);
    for (size_t slot = 0; slot < count; ++slot) {
      const c10::IValue& value = object->getSlot(slot);
      if (value.isModule()) {
        copy->setSlot(slot, Copy(value.toObject()));
        continue;
      }
      const bool share = !copy_parameters_ && type->is_parameter(slot);
      copy->setSlot(slot, share ? value : value.deepcopy(values_));
      if (share) continue;
      const c10::IValue& copied = copy->getSlot(slot);
      if (IsPlain(copied)) {
        state_.watched_.push_back({copy, slot, copied, VersionOf(copied)});
      } else {
        state_.opaque_ = true;
      }
    }
    return copy;
  }

 private:
  ModuleState& state_;
  const bool copy_parameters_;
  std::unordered_map<const Object*, ObjectPtr> copies_;
  c10::IValue::HashIdentityIValueMap values_;  // one that several attributes hold stays one, too
};

ModuleState ModuleState::CopyOf(const torch::jit::Module& module, bool copy_parameters) {
  // Tensors that are made in inference mode do not count what is written to them.
  const c10::InferenceMode counted(false);
  ModuleState state(module);
  state.module_ = torch::jit::Module(Copier(state, copy_parameters).Copy(module._ivalue()));
  return state;
}

bool ModuleState::Unchanged() const {
  return !opaque_ && std::all_of(watched_.begin(), watched_.end(), [](const Attribute& attribute) {
    const c10::IValue& now = attribute.object->getSlot(attribute.slot);
    return Same(now, attribute.value) && VersionOf(now) == attribute.version;
  });
}

}  // namespace modeld
