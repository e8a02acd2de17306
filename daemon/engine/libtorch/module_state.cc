#include "daemon/engine/libtorch/module_state.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "daemon/engine/libtorch/value_bytes.h"

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

// Storages that several tensors of a module lie in.
class SharedStorages {
 public:
  explicit SharedStorages(const torch::jit::Module& module) {
    std::unordered_map<const c10::StorageImpl*, const c10::TensorImpl*> first;
    std::unordered_set<const c10::StorageImpl*> of_parameters;
    for (const at::Tensor& parameter : module.parameters()) {
      if (parameter.has_storage()) of_parameters.insert(StorageOf(parameter));
    }
    for (const c10::IValue& attribute : module.attributes()) {
      if (!attribute.isTensor() || !attribute.toTensor().defined() || !attribute.toTensor().has_storage())
        continue;
      const at::Tensor& tensor = attribute.toTensor();
      const auto [known, is_new] = first.emplace(StorageOf(tensor), tensor.unsafeGetTensorImpl());
      if (is_new || known->second == tensor.unsafeGetTensorImpl()) continue;
      shared_.insert(StorageOf(tensor));
      with_parameters_ = with_parameters_ || of_parameters.contains(StorageOf(tensor));
    }
  }

  bool Holds(const at::Tensor& tensor) const {
    return tensor.defined() && tensor.has_storage() && shared_.contains(StorageOf(tensor));
  }
  bool with_parameters() const { return with_parameters_; }

  static const c10::StorageImpl* StorageOf(const at::Tensor& tensor) {
    return tensor.storage().unsafeGetStorageImpl();
  }

 private:
  std::unordered_set<const c10::StorageImpl*> shared_;
  bool with_parameters_ = false;
};

}  // namespace

class ModuleState::Copier {
 public:
  Copier(ModuleState& state, const torch::jit::Module& module, bool copy_parameters)
      : state_(state), shared_(module), copy_parameters_(copy_parameters || shared_.with_parameters()) {}

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
      copy->setSlot(slot, share ? value : CopyOf(value));
      if (share) continue;
      const c10::IValue& copied = copy->getSlot(slot);
      if (IsPlain(copied)) {
        state_.watched_.push_back({copy, slot, copied, VersionOf(copied)});
      } else {
        state_.opaque_.push_back({copy, slot});
      }
    }
    return copy;
  }

 private:
  // Tensors that lie in the same memory still do.
  c10::IValue CopyOf(const c10::IValue& value) {
    if (!value.isTensor() || !shared_.Holds(value.toTensor())) return value.deepcopy(values_);
    const at::Tensor& tensor = value.toTensor();
    at::Tensor& copy = tensors_[tensor.unsafeGetTensorImpl()];
    if (copy.defined()) return copy;
    at::Tensor& bytes = storages_[SharedStorages::StorageOf(tensor)];
    if (!bytes.defined()) {
      const auto size = static_cast<int64_t>(tensor.storage().nbytes());
      bytes =
          at::empty({0}, tensor.options().dtype(at::kByte)).set_(tensor.storage(), 0, {size}, {1}).clone();
    }
    copy = at::empty({0}, tensor.options())
               .set_(bytes.storage(), tensor.storage_offset(), tensor.sizes(), tensor.strides());
    return copy;
  }

  ModuleState& state_;
  const SharedStorages shared_;
  const bool copy_parameters_;
  std::unordered_map<const c10::StorageImpl*, at::Tensor> storages_;
  std::unordered_map<const c10::TensorImpl*, at::Tensor> tensors_;
  std::unordered_map<const Object*, ObjectPtr> copies_;
  c10::IValue::HashIdentityIValueMap values_;  // one that several attributes hold stays one, too
};

ModuleState ModuleState::CopyOf(const torch::jit::Module& module, const AttributeWrites& writes) {
  // Tensors that are made in inference mode do not count what is written to them.
  const c10::InferenceMode counted(false);
  ModuleState state(module);
  state.uncounted_ = writes.uncounted;
  state.module_ = torch::jit::Module(Copier(state, module, writes.parameters).Copy(module._ivalue()));
  return state;
}

bool ModuleState::Unchanged() const {
  return !uncounted_ && opaque_.empty() &&
         std::all_of(watched_.begin(), watched_.end(), [](const Attribute& attribute) {
           const c10::IValue& now = attribute.object->getSlot(attribute.slot);
           return Same(now, attribute.value) && VersionOf(now) == attribute.version;
         });
}

void ModuleState::LetGoOfLoaded() {
  for (Attribute& attribute : watched_) attribute.value = {};
}

int64_t ModuleState::Bytes() const {
  ValueBytes bytes;
  for (const Attribute& attribute : watched_) bytes.Add(attribute.object->getSlot(attribute.slot));
  for (const Slot& slot : opaque_) bytes.Add(slot.object->getSlot(slot.slot));
  return bytes.total();
}

}  // namespace modeld
