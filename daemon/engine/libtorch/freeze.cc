#include "daemon/engine/libtorch/freeze.h"

#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>

#include <algorithm>
#include <memory>

namespace modeld {
namespace {

using torch::jit::Block;
using torch::jit::Node;

// LibTorch folds a normalization into the linear layer before it, also where others take that layer's output,
// and where the channels are not the last dimension. Neither is to be seen here: ranks are not known.
bool NormalizesALinearLayer(const Block& block) {
  return std::any_of(block.nodes().begin(), block.nodes().end(), [](const Node* node) {
    const auto blocks = node->blocks();
    if (std::any_of(blocks.begin(), blocks.end(), [](const Block* b) { return NormalizesALinearLayer(*b); }))
      return true;
    return node->kind() == torch::jit::aten::batch_norm &&
           node->input(0)->node()->kind() == torch::jit::aten::linear;
  });
}

}  // namespace

torch::jit::Module Freeze(const torch::jit::Module& module, const std::vector<std::string>& others) {
  torch::jit::Module frozen = torch::jit::freeze_module(module, others);
  std::shared_ptr<torch::jit::Graph> graph = frozen.get_method("forward").graph();
  torch::jit::OptimizeFrozenGraph(graph, /*optimize_numerics=*/!NormalizesALinearLayer(*graph->block()));
  return frozen;
}

}  // namespace modeld
