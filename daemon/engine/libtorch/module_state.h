// What a module that writes its own attributes needs to start afresh.
#pragma once

#include <torch/script.h>

namespace modeld {

// A copy of the module in the state that it has now: what runs of one write, the other does not see. Shares
// the parameters, unless `copy_parameters`, and everything that is no attribute (code, constants). Throws
// what LibTorch throws for attributes that cannot be copied (custom classes without __getstate__).
torch::jit::Module CopyState(const torch::jit::Module& module, bool copy_parameters);

}  // namespace modeld
