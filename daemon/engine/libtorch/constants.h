// What a run would leave in a graph's constants for the next one.
#pragma once

#include <torch/script.h>

#include <memory>

namespace modeld {

// Makes LibTorch's alias analysis of the graph see that some operators may return what they were given
// (dropout in evaluation mode, type_as, einsum of one tensor): their schemas do not say so, and what is
// written to their results was not thought to be written to constants, attributes or inputs. Inserts an
// operator of ours that does nothing, where something is written. Returns whether it did. REQUIRES: the graph
// is inlined.
bool ShowHiddenAliases(const std::shared_ptr<torch::jit::Graph>& graph);

// Lets each run of the module's methods begin with the tensors that are constants of their graphs as they
// were loaded (a traced module has those that forward makes there): what may be written is copied first.
// LibTorch itself would go on with what the run before has written, and makes further constants while it
// compiles a graph, of which the hidden aliases have to be shown, too. Changes the graphs of the methods
// where that is needed, so it is called before their first run. Throws what LibTorch throws.
void KeepConstants(const torch::jit::Module& module);

}  // namespace modeld
