// Whether running a method changes the module.
#pragma once

#include <torch/script.h>

namespace modeld {

// True if the method, or anything that it calls, may write an attribute of the module: assign it, or work in
// place on what it holds. Errs on the side of true: what LibTorch's alias analysis cannot tell apart from an
// attribute (an input, a tensor taken out of a list) counts as one.
bool MayWriteAttributes(const torch::jit::Method& method);

}  // namespace modeld
