#include "daemon/engine/libtorch/mutation.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "daemon/engine/libtorch/constants.h"

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

// Those that write running_mean and running_var, inputs 3 and 4, while they train (input 5), of which their
// schemas say nothing, nor do versions of tensors.
constexpr std::string_view kNormalizations[] = {"aten::batch_norm", "aten::_batch_norm_impl_index",
                                                "aten::native_batch_norm", "aten::cudnn_batch_norm"};

bool IsNamed(const Node& node, std::string_view name) { return node.kind().toQualString() == name; }

bool Trains(const Node& node) {
  const bool normalizes =
      std::any_of(std::begin(kNormalizations), std::end(kNormalizations),
                  [&](std::string_view name) { return IsNamed(node, name) && node.inputs().size() > 5; });
  if (!normalizes || node.input(3)->mustBeNone()) return false;
  const std::optional<bool> training = torch::jit::constant_as<bool>(node.input(5));
  return training.value_or(true);
}

// Of code that is not in the graph.
bool CallsUnknown(const Node& node) {
  switch (node.kind()) {
    case c10::prim::CallMethod:  // still there after inlining: of an interface
    case c10::prim::CallFunction:
    case c10::prim::Enter:  // `with`
    case c10::prim::Exit:
      return true;
    default:
      break;
  }
  if (!IsNamed(node, "aten::sort") && !IsNamed(node, "aten::sorted")) return false;
  const auto list = node.input(0)->type()->cast<c10::ListType>();  // by __lt__ of what it holds
  return list != nullptr && list->getElementType()->kind() == c10::TypeKind::ClassType;
}

// Something that holds others, of which AliasDb::hasWriters does not speak.
bool IsContainer(const torch::jit::Value& value) {
  if (value.type()->is_module()) return false;  // its attributes are looked at one by one
  switch (value.type()->kind()) {
    case c10::TypeKind::ListType:
    case c10::TypeKind::DictType:
    case c10::TypeKind::TupleType:
    case c10::TypeKind::OptionalType:
    case c10::TypeKind::ClassType:
    case c10::TypeKind::AnyType:
      return true;
    default:
      return false;
  }
}

// In one graph.
class Finder {
 public:
  explicit Finder(const std::shared_ptr<Graph>& graph) : aliases_(graph) {
    Collect(*graph->block());
    Visit(*graph->block());
  }
  const AttributeWrites& writes() const { return writes_; }

 private:
  // What is written in place.
  void Collect(Block& block) {
    for (Node* node : block.nodes()) {
      if (const c10::FunctionSchema* const schema = node->maybeSchema()) {
        const auto& arguments = schema->arguments();
        for (size_t i = 0; i < std::min(arguments.size(), node->inputs().size()); ++i) {
          const auto* const alias = arguments[i].alias_info();
          if (alias != nullptr && alias->isWrite()) written_.push_back(node->inputs()[i]);
        }
      }
      for (Block* inner : node->blocks()) Collect(*inner);
    }
  }

  void Visit(Block& block) {
    for (Node* node : block.nodes()) Visit(*node);
  }

  void Visit(Node& node) {
    if (CallsUnknown(node)) Note(/*parameter=*/true, /*uncounted=*/true);
    if (Trains(node)) Note(/*parameter=*/false, /*uncounted=*/true);
    // Its writes are counted by nobody.
    writes_.uncounted = writes_.uncounted || IsNamed(node, "aten::data") || IsNamed(node, "prim::data");
    if (node.kind() == c10::prim::SetAttr) Note(NamesParameter(node));
    if (node.kind() == c10::prim::GetAttr && IsWritten(node.output())) Note(NamesParameter(node));
    // Of the kinds that KeepConstants cannot copy.
    if (node.kind() == c10::prim::Constant && IsContainer(*node.output()) && IsWritten(node.output()))
      Note(/*parameter=*/true);
    if (node.hasAttribute(c10::attr::Subgraph)) VisitForked(node.g(c10::attr::Subgraph));
    for (Block* block : node.blocks()) Visit(*block);
  }

  // Its inputs may be attributes.
  void VisitForked(const std::shared_ptr<Graph>& graph) {
    const Finder forked(graph);
    Add(forked.writes());
    for (torch::jit::Value* input : graph->inputs()) {
      if (forked.IsWritten(input)) Note(/*parameter=*/true);
    }
  }

  // Itself, or something that it holds.
  bool IsWritten(torch::jit::Value* value) const {
    if (aliases_.hasWriters(value)) return true;
    return IsContainer(*value) &&
           std::any_of(written_.begin(), written_.end(), [&](torch::jit::Value* written) {
             return written != value && aliases_.mayContainAlias(value, written);
           });
  }

  void Note(bool parameter, bool uncounted = false) {
    Add({.any = true, .parameters = parameter, .uncounted = uncounted});
  }
  void Add(const AttributeWrites& more) {
    writes_.any = writes_.any || more.any;
    writes_.parameters = writes_.parameters || more.parameters;
    writes_.uncounted = writes_.uncounted || more.uncounted;
  }

  const AliasDb aliases_;
  std::vector<torch::jit::Value*> written_;
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
    AttributeWrites all;
    for (size_t i = 0; i < methods.size(); ++i) {
      FlagFolder(*graphs[i], methods[i].owner(), assigned).Visit(*graphs[i]->block());
      torch::jit::ConstantPropagationImmutableTypes(graphs[i]);  // drops branches that are not taken
      ShowHiddenAliases(graphs[i]);
      const AttributeWrites writes = Finder(graphs[i]).writes();
      all.any = all.any || writes.any;
      all.parameters = all.parameters || writes.parameters;
      all.uncounted = all.uncounted || writes.uncounted;
    }
    return all;
  } catch (const std::exception&) {  // a graph that the analysis does not know is no reason not to serve it
    return {.any = true, .parameters = true, .uncounted = true};
  }
}

}  // namespace modeld
