// Variants: ways to make a loaded TorchScript module run faster, each of which some modules do not take.
#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

#include "daemon/engine/plan.h"

namespace modeld {

// What the engine's plans are made of; the first is the module as it was saved.
//
// - `frozen`: attributes become constants of the graphs, which are then folded (torch.jit.freeze).
// - `channels-last`: frozen, with the weights of convolutions in the memory format that their kernels prefer;
//   what a convolution returns follows it.
//
// torch.jit.optimize_for_inference is not among them: it is known to have computed wrongly, and to have
// damaged memory (https://github.com/pytorch/pytorch/issues/86535).
std::vector<Plan> LibtorchPlans();

// The first of them.
bool IsAsSaved(const Plan& plan);

// The module, prepared as the plan says. `methods` are the callable ones; they are kept. Throws what LibTorch
// throws, and c10::Error where the module cannot be prepared so.
// REQUIRES: the module is in evaluation mode, and shared with nobody; `plan` is one of LibtorchPlans().
torch::jit::Module Prepare(torch::jit::Module module, const Plan& plan,
                           const std::vector<std::string>& methods);

// Between the numbers that the caller and the module have: every tensor of dtype `from` in the value becomes
// one of dtype `to`. As MapTensors.
c10::IValue Convert(c10::IValue value, at::ScalarType from, at::ScalarType to);

}  // namespace modeld
