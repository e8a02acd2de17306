// Weights: constants that kernels lay out anew.
#pragma once

#include <openvino/core/model.hpp>

namespace modeld {

// Gives each way that a constant's bytes are used bytes of its own. The CPU plugin remembers a weight that it
// has laid out by its address and by the layout that it was brought into, not by the one that it came from,
// and takes what a matrix became for what its transpose would.
void SeparateWeights(ov::Model& model);

}  // namespace modeld
