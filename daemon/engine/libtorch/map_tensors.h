// Values of TorchScript with other tensors in them.
#pragma once

#include <torch/script.h>

#include <functional>

namespace modeld {

// The value with `change` of each defined tensor in it; containers that may hold tensors are copied, for a
// module may keep what it returns. What lies deeper than FromIValue reads is left as it is. Throws what
// `change` throws.
c10::IValue MapTensors(c10::IValue value, const std::function<at::Tensor(const at::Tensor&)>& change);

}  // namespace modeld
