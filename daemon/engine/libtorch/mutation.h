// Whether running a method changes the module.
#pragma once

#include <torch/script.h>

namespace modeld {

struct AttributeWrites {
  bool any = false;
  bool parameters = false;  // which are large, and which modules hardly ever write while they run
};

// What the method, or anything that it calls, may write of the module's attributes: by assigning, or by
// working in place on what they hold. Errs on the side of true: what LibTorch's alias analysis cannot tell
// apart from an attribute (an input, a tensor taken out of a list) counts as one.
AttributeWrites FindAttributeWrites(const torch::jit::Method& method);

}  // namespace modeld
