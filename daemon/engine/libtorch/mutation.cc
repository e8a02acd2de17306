#include "daemon/engine/libtorch/mutation.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <exception>
#include <memory>
#include <string>

namespace modeld {
namespace {

using torch::jit::AliasDb;
using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;

// Of a node that reads or assigns an attribute.
bool NamesParameter(const Node& node) {
  const auto type = node.input(0)->type()->cast<c10::ClassType>();
  if (type == nullptr) return true;  // not known: it may be
  const std::optional<size_t> slot = type->findAttributeSlot(node.s(c10::attr::name));
  return !slot.has_value() || type->is_parameter(*slot);
}

class Finder {
 public:
  const AttributeWrites& writes() const { return writes_; }

  void Visit(const Block& block, const AliasDb& aliases) {
    for (const Node* node : block.nodes()) Visit(*node, aliases);
  }

 private:
  void Visit(const Node& node, const AliasDb& aliases) {
    switch (node.kind()) {
      case c10::prim::CallMethod:  // still there after inlining: of an interface, whose code is not known
      case c10::prim::CallFunction:
        Note(/*parameter=*/true);
        break;
      case c10::prim::SetAttr:
        Note(NamesParameter(node));
        break;
      case c10::prim::GetAttr:
        if (aliases.hasWriters(node.output())) Note(NamesParameter(node));
        break;
      default:
        break;
    }
    if (node.hasAttribute(c10::attr::Subgraph)) VisitForked(node.g(c10::attr::Subgraph));
    for (const Block* block : node.blocks()) Visit(*block, aliases);
  }

  // Its inputs may be attributes.
  void VisitForked(const std::shared_ptr<Graph>& graph) {
    const AliasDb aliases(graph);
    Visit(*graph->block(), aliases);
    for (const torch::jit::Value* input : graph->inputs()) {
      if (aliases.hasWriters(input)) Note(/*parameter=*/true);
    }
  }

  void Note(bool parameter) {
    writes_.any = true;
    writes_.parameters = writes_.parameters || parameter;
  }

  AttributeWrites writes_;
};

}  // namespace

AttributeWrites FindAttributeWrites(const torch::jit::Method& method) {
  try {
    const std::shared_ptr<Graph> graph = method.graph()->copy();
    torch::jit::Inline(*graph);
    const AliasDb aliases(graph);
    Finder finder;
    finder.Visit(*graph->block(), aliases);
    return finder.writes();
  } catch (const std::exception&) {  // a graph that the analysis does not know is no reason not to serve it
    return {.any = true, .parameters = true};
  }
}

}  // namespace modeld
