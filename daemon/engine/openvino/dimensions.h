// Dimensions: which sizes of a graph's tensors are the same, where they are not known as numbers.
#pragma once

#include <torch/script.h>

namespace modeld {

// Whether a node aten::view only makes several dimensions of one, if anything: this can be done however the
// tensor lies in memory.
bool OnlySplitsOneDimension(const torch::jit::Node& view);

}  // namespace modeld
