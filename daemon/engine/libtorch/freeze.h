// Freezes a module: its attributes become constants of the graph, which is then folded.
#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

namespace modeld {

// As torch.jit.freeze, but for what that folds wrongly. `others` are the methods beside forward that are
// kept. The module is in evaluation mode. Throws what LibTorch throws.
torch::jit::Module Freeze(const torch::jit::Module& module, const std::vector<std::string>& others = {});

}  // namespace modeld
