#include "daemon/engine/libtorch/module_state.h"

#include <unordered_map>

namespace modeld {
namespace {

using c10::ivalue::Object;
using ObjectPtr = c10::intrusive_ptr<Object>;

class Copier {
 public:
  explicit Copier(bool copy_parameters) : copy_parameters_(copy_parameters) {}

  // A submodule that several others hold stays one.
  ObjectPtr Copy(const ObjectPtr& object) {
    if (const auto known = copies_.find(object.get()); known != copies_.end()) return known->second;
    const auto type = object->type();
    const size_t count = object->slots().size();
    ObjectPtr copy = Object::create(c10::StrongTypePtr(object->compilation_unit(), type), count);
    copies_.emplace(object.get(), copy);
    for (size_t i = 0; i < count; ++i) {
      const c10::IValue& value = object->getSlot(i);
      if (value.isModule()) {
        copy->setSlot(i, Copy(value.toObject()));
      } else if (!copy_parameters_ && type->is_parameter(i)) {
        copy->setSlot(i, value);
      } else {
        copy->setSlot(i, value.deepcopy(values_));
      }
    }
    return copy;
  }

 private:
  const bool copy_parameters_;
  std::unordered_map<const Object*, ObjectPtr> copies_;
  c10::IValue::HashIdentityIValueMap values_;  // one that several attributes hold stays one, too
};

}  // namespace

torch::jit::Module CopyState(const torch::jit::Module& module, bool copy_parameters) {
  return torch::jit::Module(Copier(copy_parameters).Copy(module._ivalue()));
}

}  // namespace modeld
