// Methods of a TorchScript module, as ours.
#pragma once

#include <torch/script.h>

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/signature.h"

namespace modeld {

// A method of ours and LibTorch's side of it.
struct BoundMethod {
  // An argument of LibTorch's schema: the next of ours, or a default that no Value can hold.
  struct Slot {
    c10::TypePtr type;
    std::optional<c10::IValue> fixed;
  };
  Method signature;
  torch::jit::Method method;
  std::vector<Slot> slots;
};

// The callable ones, `forward` first, the others by name. INVALID_ARGUMENT if there are none, or one reaches
// files.
absl::StatusOr<std::vector<BoundMethod>> BindMethods(const torch::jit::Module& module);

}  // namespace modeld
