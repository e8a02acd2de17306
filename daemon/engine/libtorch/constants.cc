#include "daemon/engine/libtorch/constants.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace modeld {
namespace {

using torch::jit::AliasDb;
using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;
using torch::jit::Value;

constexpr char kEither[] = "modeld::either";

// Returns the second.
const torch::jit::RegisterOperators kOperators({torch::jit::Operator(
    "modeld::either(Tensor(a) given, Tensor(b) returned) -> Tensor(a|b)",
    [](Stack& stack) {
      c10::IValue returned = torch::jit::pop(stack);
      torch::jit::drop(stack, 1);
      torch::jit::push(stack, std::move(returned));
    },
    c10::AliasAnalysisKind::FROM_SCHEMA)});

// Found by calling every operator of ATen that says nothing of aliases (LibTorch 2.13), and by asking whether
// what it returned lies in the storage of what it was given. Those of one tensor, and those of a list of
// them.
constexpr std::string_view kOfOne[] = {
    "aten::_cast_Byte",
    "aten::_cast_Char",
    "aten::_cast_Double",
    "aten::_cast_Float",
    "aten::_cast_Half",
    "aten::_cast_Int",
    "aten::_cast_Long",
    "aten::_cast_Short",
    "aten::_unsafe_view",
    "aten::alpha_dropout",
    "aten::atleast_1d",
    "aten::atleast_2d",
    "aten::atleast_3d",
    "aten::conj_physical",
    "aten::data",
    "aten::dequantize",
    "aten::dropout",
    "aten::feature_dropout",
    "aten::feature_alpha_dropout",
    "aten::lift",
    "aten::sum_to_size",
    "aten::to_dense",
    "aten::type_as",
    "prim::data",
};
constexpr std::string_view kOfList[] = {"aten::cartesian_prod", "aten::chain_matmul", "aten::einsum",
                                        "aten::flatten_dense_tensors"};

template <size_t kSize>
bool IsOneOf(const Node& node, const std::string_view (&names)[kSize]) {
  const std::string_view name = node.kind().toQualString();
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool IsTensor(const Value* value) { return value->type()->isSubtypeOf(*c10::TensorType::get()); }

// What the node may return as it is; null: nothing, or it is shown already.
Value* MayReturn(Node& node) {
  if (node.outputs().size() != 1 || !IsTensor(node.output())) return nullptr;
  Value* given = nullptr;
  if (IsOneOf(node, kOfOne)) {
    given = node.input(0);
  } else if (IsOneOf(node, kOfList)) {
    for (Value* input : node.inputs()) {
      const Node* const list = input->node();
      // Of several it makes something new.
      if (list->kind() == c10::prim::ListConstruct && list->inputs().size() == 1) given = list->input(0);
    }
  }
  if (given == nullptr || !IsTensor(given)) return nullptr;
  for (const torch::jit::Use& use : node.output()->uses()) {
    if (std::string_view(use.user->kind().toQualString()) == kEither) return nullptr;
  }
  return given;
}

template <typename Visit>
void ForEachNode(Block& block, const Visit& visit) {
  for (Node* node : block.nodes()) {
    visit(*node);
    for (Block* inner : node->blocks()) ForEachNode(*inner, visit);
  }
}

// Whether anything was left to be shown.
bool ShowOnce(const std::shared_ptr<Graph>& graph) {
  std::vector<std::pair<Node*, Value*>> found;
  ForEachNode(*graph->block(), [&](Node& node) {
    if (Value* const given = MayReturn(node)) found.emplace_back(&node, given);
  });
  if (found.empty()) return false;
  std::vector<std::pair<Node*, Value*>> written;
  const AliasDb aliases(graph);
  for (const auto& each : found) {
    if (aliases.hasWriters(each.first->output())) written.push_back(each);
  }
  for (const auto& [node, given] : written) {
    Node* const either = graph->create(c10::Symbol::fromQualString(kEither), {given, node->output()}, 1);
    either->output()->setType(node->output()->type());
    either->insertAfter(node);
    node->output()->replaceAllUsesAfterNodeWith(either, either->output());
  }
  return !written.empty();
}

bool CopyWrittenConstants(const std::shared_ptr<Graph>& graph) {
  std::vector<Node*> written;
  const AliasDb aliases(graph);
  ForEachNode(*graph->block(), [&](Node& node) {
    if (node.kind() == c10::prim::Constant && IsTensor(node.output()) && aliases.hasWriters(node.output())) {
      written.push_back(&node);
    }
  });
  for (Node* const node : written) {
    const torch::jit::WithInsertPoint here(node->next());
    Value* const copy = graph->insert(c10::aten::clone, {node->output()});
    node->output()->replaceAllUsesAfterNodeWith(copy->node(), copy);
  }
  return !written.empty();
}

}  // namespace

bool ShowHiddenAliases(const std::shared_ptr<Graph>& graph) {
  bool changed = false;
  // What is shown of one may be written to what another returned.
  while (ShowOnce(graph)) changed = true;
  return changed;
}

void KeepConstants(const torch::jit::Module& module) {
  for (const torch::jit::Method& method : module.get_methods()) {
    const std::shared_ptr<Graph> graph = method.graph();
    const std::shared_ptr<Graph> tried = graph->copy();
    torch::jit::Inline(*tried);
    const auto change = [](const std::shared_ptr<Graph>& changed) {
      const bool shown = ShowHiddenAliases(changed);
      return CopyWrittenConstants(changed) || shown;
    };
    if (!change(tried)) continue;  // most of them
    torch::jit::Inline(*graph);
    change(graph);
  }
}

}  // namespace modeld
