// The attributes of a module that writes them while it runs.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <vector>

#include "daemon/engine/libtorch/mutation.h"

namespace modeld {

// A copy of a module's attributes, of which runs of other copies see nothing. Not thread-safe.
class ModuleState {
 public:
  // Of the attributes as they are now, for methods that write so. Shares the parameters where they are not
  // written, and everything that is no attribute (code, constants). Throws what LibTorch throws for
  // attributes that cannot be copied (custom classes without __getstate__).
  static ModuleState CopyOf(const torch::jit::Module& module, const AttributeWrites& writes);

  const torch::jit::Module& module() const { return module_; }

  // Whether everything is as it was when it was copied, so that it can be run afresh. Errs on the side of
  // false: lists, dictionaries and objects are not looked into.
  bool Unchanged() const;

  // What was copied goes where runs have replaced it. Unchanged is not to be called any more.
  void LetGoOfLoaded();

  // What the attributes hold by now, without what is shared, as long as runs have not put that elsewhere; see
  // ValueBytes. REQUIRES: nothing runs on the module.
  int64_t Bytes() const;

 private:
  // An attribute, and what tells whether it was written.
  struct Attribute {
    c10::intrusive_ptr<c10::ivalue::Object> object;
    size_t slot;
    c10::IValue value;
    int64_t version;  // of a tensor: LibTorch counts what is written in place
  };
  class Copier;

  // One that is not shared.
  struct Slot {
    c10::intrusive_ptr<c10::ivalue::Object> object;
    size_t slot;
  };

  explicit ModuleState(torch::jit::Module module) : module_(std::move(module)) {}

  torch::jit::Module module_;
  std::vector<Attribute> watched_;
  std::vector<Slot> opaque_;  // what is there that Unchanged does not look into
  bool uncounted_ = false;    // nothing tells whether anything was written
};

}  // namespace modeld
