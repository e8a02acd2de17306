#include "daemon/engine/libtorch/mutation.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <exception>
#include <memory>

namespace modeld {
namespace {

using torch::jit::AliasDb;
using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;

bool GraphWrites(const std::shared_ptr<Graph>& graph);

bool NodeWrites(const Node& node, const AliasDb& aliases);

bool BlockWrites(const Block& block, const AliasDb& aliases) {
  return std::any_of(block.nodes().begin(), block.nodes().end(),
                     [&](const Node* node) { return NodeWrites(*node, aliases); });
}

bool NodeWrites(const Node& node, const AliasDb& aliases) {
  switch (node.kind()) {
    case c10::prim::SetAttr:
    case c10::prim::CallMethod:  // still there after inlining: of an interface, whose code is not known
    case c10::prim::CallFunction:
      return true;
    case c10::prim::GetAttr:
      if (aliases.hasWriters(node.output())) return true;
      break;
    default:
      break;
  }
  if (node.hasAttribute(c10::attr::Subgraph) && GraphWrites(node.g(c10::attr::Subgraph))) return true;
  return std::any_of(node.blocks().begin(), node.blocks().end(),
                     [&](const Block* block) { return BlockWrites(*block, aliases); });
}

// Of a forked subgraph: its inputs may be attributes.
bool GraphWrites(const std::shared_ptr<Graph>& graph) {
  const AliasDb aliases(graph);
  return BlockWrites(*graph->block(), aliases) ||
         std::any_of(graph->inputs().begin(), graph->inputs().end(),
                     [&](const torch::jit::Value* input) { return aliases.hasWriters(input); });
}

}  // namespace

bool MayWriteAttributes(const torch::jit::Method& method) {
  try {
    const std::shared_ptr<Graph> graph = method.graph()->copy();
    torch::jit::Inline(*graph);
    const AliasDb aliases(graph);
    return BlockWrites(*graph->block(), aliases);
  } catch (const std::exception&) {  // a graph that the analysis does not know is no reason not to serve it
    return true;
  }
}

}  // namespace modeld
