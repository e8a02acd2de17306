// Whether running a module's methods changes it.
#pragma once

#include <torch/script.h>

#include <vector>

namespace modeld {

struct AttributeWrites {
  bool any = false;
  bool parameters = false;  // which are large, and which modules hardly ever write while they run
  bool uncounted = false;   // in ways that LibTorch does not count in a tensor's version
};

// What the methods, or anything that they call, may write of the module's attributes: by assigning, or by
// working in place on what they hold. Flags that no method assigns are taken as they are now, so that what a
// module in evaluation mode does in training only is not counted. Errs on the side of true: what LibTorch's
// alias analysis cannot tell apart from an attribute (an input, a tensor taken out of a list) counts as one.
// REQUIRES: the methods are one module's, and all that are called while it lives.
AttributeWrites FindAttributeWrites(const std::vector<torch::jit::Method>& methods);

}  // namespace modeld
