// Attributes: those of a module's that freezing leaves to be looked up.
#pragma once

#include <torch/script.h>

namespace modeld {

// Puts constants in place of the module's attributes that the graph reads, of which freezing leaves some
// where it cannot tell whether they are written: a tensor that is in a list, for one. Leaves them as they are
// where anything that the graph writes may be one. The module is the graph's first input; what it calls is
// inlined.
void FoldAttributes(torch::jit::Graph& graph, const torch::jit::Module& module);

}  // namespace modeld
