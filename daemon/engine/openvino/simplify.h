// Simplify: makes a graph plainer without changing what it computes.
#pragma once

#include <torch/script.h>

#include <memory>
#include <vector>

namespace modeld {

// Propagates dtypes, ranks and sizes from the inputs, folds what is constant by them and by what holds of all
// that is run here (on the CPU, without gradients), spells out fast paths, unrolls loops of a constant number
// of rounds, and takes mutation out where that changes nothing. Throws what LibTorch throws.
void Simplify(std::shared_ptr<torch::jit::Graph>& graph);

// A value of the graph, a bool: where it is `raises_when` at run time, the graph raises.
struct Guard {
  torch::jit::Value* condition = nullptr;
  bool raises_when = true;
};

// Takes the branches out that raise, of those that are not nested in others: assertions, and checks of sizes.
// What is left holds as long as no guard says that it raises.
std::vector<Guard> TakeOutRaises(torch::jit::Graph& graph);

// Lists of tensors that were folded become lists of constants again: OpenVINO has no constant that is a list.
void UnfoldLists(torch::jit::Graph& graph);

}  // namespace modeld
