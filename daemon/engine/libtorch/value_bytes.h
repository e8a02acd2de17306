// ValueBytes: what values of TorchScript take in memory.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <unordered_set>

namespace modeld {

// Adds values up, with all that they hold: of tensors their storages, of the rest roughly what it takes. What
// is held in several ways counts once; what objects of custom classes hold does not count. Takes a step for
// each value that may hold a tensor, none for numbers and texts in lists and dictionaries. REQUIRES: nothing
// writes to the values meanwhile.
class ValueBytes {
 public:
  void Add(const c10::IValue& value);
  int64_t total() const { return total_; }

 private:
  void AddTensor(const at::Tensor& tensor);

  std::unordered_set<const void*> seen_;
  int64_t total_ = 0;
};

}  // namespace modeld
