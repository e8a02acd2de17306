#include "daemon/engine/libtorch/freeze.h"

#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>

#include <algorithm>
#include <memory>

namespace modeld {
namespace {

using torch::jit::Block;
using torch::jit::Node;

// A linear layer whose output is normalized, and is taken by others, too: LibTorch folds the normalization
// into its weights all the same, and the others get what is normalized.
bool NormalizesWhatOthersTake(const Block& block) {
  return std::any_of(block.nodes().begin(), block.nodes().end(), [](const Node* node) {
    const auto blocks = node->blocks();
    if (std::any_of(blocks.begin(), blocks.end(),
                    [](const Block* inner) { return NormalizesWhatOthersTake(*inner); }))
      return true;
    return node->kind() == torch::jit::aten::batch_norm &&
           node->input(0)->node()->kind() == torch::jit::aten::linear && node->input(0)->uses().size() > 1;
  });
}

}  // namespace

torch::jit::Module Freeze(const torch::jit::Module& module, const std::vector<std::string>& others) {
  torch::jit::Module frozen = torch::jit::freeze_module(module, others);
  std::shared_ptr<torch::jit::Graph> graph = frozen.get_method("forward").graph();
  torch::jit::OptimizeFrozenGraph(graph, /*optimize_numerics=*/!NormalizesWhatOthersTake(*graph->block()));
  return frozen;
}

}  // namespace modeld
