#include "daemon/engine/libtorch/mutation.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <exception>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace modeld {
namespace {

using torch::jit::AliasDb;
using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;

using Names = std::unordered_set<std::string>;

// Of all attributes that are assigned, whichever module's they are.
void AddAssigned(const Block& block, Names& names) {
  for (const Node* node : block.nodes()) {
    if (node->kind() == c10::prim::SetAttr) names.insert(node->s(c10::attr::name));
    if (node->hasAttribute(c10::attr::Subgraph)) AddAssigned(*node->g(c10::attr::Subgraph)->block(), names);
    for (const Block* inner : node->blocks()) AddAssigned(*inner, names);
  }
}

// Makes constants of the booleans that a graph reads from its module and that nobody assigns: `training`,
// above all, behind which batch normalization counts its calls.
class FlagFolder {
 public:
  FlagFolder(Graph& graph, const torch::jit::Module& module, const Names& assigned)
      : graph_(graph), assigned_(assigned) {
    objects_[graph.inputs().at(0)] = module._ivalue();
  }

  void Visit(Block& block) {
    for (Node* node : block.nodes()) {
      if (node->kind() == c10::prim::GetAttr) Read(*node);
      for (Block* inner : node->blocks()) Visit(*inner);
    }
  }

 private:
  using ObjectPtr = c10::intrusive_ptr<c10::ivalue::Object>;

  void Read(Node& node) {
    const auto object = objects_.find(node.input(0));
    const std::string& name = node.s(c10::attr::name);
    if (object == objects_.end() || assigned_.contains(name)) return;
    const c10::IValue value = object->second->getAttr(name);
    if (value.isObject()) objects_[node.output()] = value.toObject();
    if (!value.isBool() || node.output()->type() != c10::BoolType::get()) return;
    const torch::jit::WithInsertPoint here(&node);
    node.output()->replaceAllUsesWith(graph_.insertConstant(value));
  }

  Graph& graph_;
  const Names& assigned_;
  std::unordered_map<const torch::jit::Value*, ObjectPtr> objects_;  // modules, by what stands for them
};

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

AttributeWrites FindAttributeWrites(const std::vector<torch::jit::Method>& methods) {
  try {
    std::vector<std::shared_ptr<Graph>> graphs;
    Names assigned;
    for (const torch::jit::Method& method : methods) {
      graphs.push_back(method.graph()->copy());
      torch::jit::Inline(*graphs.back());
      AddAssigned(*graphs.back()->block(), assigned);
    }
    Finder finder;
    for (size_t i = 0; i < methods.size(); ++i) {
      FlagFolder(*graphs[i], methods[i].owner(), assigned).Visit(*graphs[i]->block());
      torch::jit::ConstantPropagationImmutableTypes(graphs[i]);  // drops branches that are not taken
      finder.Visit(*graphs[i]->block(), AliasDb(graphs[i]));
    }
    return finder.writes();
  } catch (const std::exception&) {  // a graph that the analysis does not know is no reason not to serve it
    return {.any = true, .parameters = true};
  }
}

}  // namespace modeld
