#include "daemon/engine/openvino/simplify.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/loop_unrolling.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>
#include <torch/csrc/jit/passes/peephole_list_idioms.h>
#include <torch/csrc/jit/passes/remove_expands.h>
#include <torch/csrc/jit/passes/remove_mutation.h>
#include <torch/csrc/jit/passes/shape_analysis.h>
#include <torch/csrc/jit/passes/symbolic_shape_analysis.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/openvino/fast_paths.h"
#include "daemon/engine/openvino/value_types.h"

namespace modeld {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using TorchValue = torch::jit::Value;

// What one round finds out lets the next fold more: of a net whose layers ask what the one before gave, a
// layer in a few of them.
constexpr int kMostRounds = 200;
// The rounds that begin anew.
constexpr int kForgetful = 4;
// Loops are unrolled up to so many nodes.
constexpr int64_t kMostNodes = 10'000;

bool IsListConstruct(const TorchValue* value) {
  return value->node()->kind() == torch::jit::prim::ListConstruct;
}

// Lists of integers are compared one by one. Sizes of initial states are checked like this by LSTM and GRU.
void FoldComparison(Graph& graph, Node* node) {
  const bool is_ne = node->matches("aten::ne.int_list(int[] a, int[] b) -> bool");
  if (!is_ne && !node->matches("aten::eq.int_list(int[] a, int[] b) -> bool")) return;
  if (!IsListConstruct(node->input(0)) || !IsListConstruct(node->input(1))) return;
  const auto a = node->input(0)->node()->inputs(), b = node->input(1)->node()->inputs();
  const torch::jit::WithInsertPoint guard(node);
  TorchValue* are_equal = graph.insertConstant(a.size() == b.size());
  for (size_t i = 0; a.size() == b.size() && i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    TorchValue* const is_equal = graph.insert(torch::jit::aten::eq, {a[i], b[i]});
    are_equal = i == 0 ? is_equal : graph.insert(torch::jit::aten::__and__, {are_equal, is_equal});
  }
  node->output()->replaceAllUsesWith(is_ne ? graph.insert(torch::jit::aten::__not__, {are_equal})
                                           : are_equal);
}

// Sizes that are taken as a list, as a list of them.
void FoldSizeList(Graph& graph, Node* node) {
  if (node->kind() != torch::jit::aten::size || node->inputs().size() != 1) return;
  const auto type = node->input()->type()->cast<c10::TensorType>();
  if (type == nullptr || !type->dim()) return;
  const torch::jit::WithInsertPoint guard(node);
  std::vector<TorchValue*> sizes;
  for (size_t axis = 0; axis < *type->dim(); ++axis) {
    sizes.push_back(graph.insert(torch::jit::aten::size, {node->input(), static_cast<int64_t>(axis)}));
  }
  Node* const list = graph.insertNode(graph.createList(c10::IntType::get(), sizes));
  node->output()->replaceAllUsesWith(list->output());
}

// The size of what was made in that size.
void FoldSizes(Graph& graph, Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* const node = *it++;
    for (Block* const inner : node->blocks()) FoldSizes(graph, inner);
    if (node->kind() == torch::jit::aten::size && node->inputs().size() == 1) {
      Node* const made = node->input(0)->node();
      const bool is_made = made->kind() == torch::jit::aten::zeros || made->kind() == torch::jit::aten::ones;
      if (is_made && IsListConstruct(made->input(0))) node->output()->replaceAllUsesWith(made->inputs()[0]);
    }
    FoldSizeList(graph, node);
    FoldComparison(graph, node);
  }
}

bool IsArgument(const TorchValue& value) {
  return value.node()->kind() == torch::jit::prim::Param &&
         value.node()->owningBlock()->owningNode() == nullptr;
}

// Whether no other value of the graph is the same tensor, but for those that are made of it.
bool IsNew(const TorchValue& value) {
  switch (value.node()->kind()) {
    case torch::jit::aten::add:
    case torch::jit::aten::layer_norm:
    case torch::jit::aten::linear:
    case torch::jit::aten::transpose:
      return true;
    default:
      return IsArgument(value);
  }
}

bool AsksWhetherTheSame(const Block& block) {
  return std::any_of(block.nodes().begin(), block.nodes().end(), [](const Node* node) {
    const bool is_same =
        node->kind() == torch::jit::aten::__is__ || node->kind() == torch::jit::aten::__isnot__;
    if (is_same && node->input(1)->type()->kind() == c10::TypeKind::TensorType) return true;
    return std::any_of(node->blocks().begin(), node->blocks().end(),
                       [](const Block* inner) { return AsksWhetherTheSame(*inner); });
  });
}

// What holds of all that is run here: on the CPU, without gradients, of tensors that are dense.
std::optional<c10::IValue> FactOf(const Node& node) {
  if (node.matches("aten::is_grad_enabled() -> bool")) return false;
  if (node.matches("aten::is_autocast_enabled() -> bool")) return false;
  if (node.matches("prim::is_nested(Tensor a) -> bool")) return false;
  if (node.matches("prim::device(Tensor a) -> Device")) return c10::Device(at::kCPU);
  const bool is_not = node.kind() == torch::jit::aten::__isnot__;
  if (is_not || node.kind() == torch::jit::aten::__is__) {
    if (node.input(0) == node.input(1)) return !is_not;
    if (IsNew(*node.input(0)) && IsNew(*node.input(1))) return is_not;
  }
  return std::nullopt;
}

// Tracing computes with sizes as tensors. The integer in the place of such a tensor; null: there is none.
// Makes it where the graph's insertion point is.
TorchValue* IntegerIn(Graph& graph, TorchValue* tensor, int depth = 0) {
  constexpr int kMaxDepth = 50;
  if (depth > kMaxDepth) return nullptr;
  if (const std::optional<c10::IValue> constant = torch::jit::toIValue(tensor)) {
    const bool is_integer = constant->isTensor() && constant->toTensor().dim() == 0 &&
                            constant->toTensor().scalar_type() == at::kLong;
    return is_integer ? graph.insertConstant(constant->toTensor().item<int64_t>()) : nullptr;
  }
  Node& node = *tensor->node();
  if (node.kind() == torch::jit::prim::NumToTensor) {
    return node.input()->type()->kind() == c10::TypeKind::IntType ? node.input() : nullptr;
  }
  const bool is_sum =
      node.matches("aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor") ||
      node.matches("aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor");
  if (is_sum && torch::jit::constant_as<int64_t>(node.input(2)) != 1) return nullptr;
  const bool is_floor = node.matches("aten::floor_divide(Tensor self, Tensor other) -> Tensor");
  if (!is_sum && !is_floor && !node.matches("aten::mul.Tensor(Tensor self, Tensor other) -> Tensor"))
    return nullptr;
  TorchValue* const a = IntegerIn(graph, node.input(0), depth + 1);
  TorchValue* const b = a == nullptr ? nullptr : IntegerIn(graph, node.input(1), depth + 1);
  if (b == nullptr) return nullptr;
  return graph.insert(is_floor ? torch::jit::aten::floordiv : node.kind(), {a, b});
}

void FoldIntegers(Graph& graph, Node* node) {
  const bool is_integer = node->matches("aten::Int.Tensor(Tensor a) -> int") ||
                          node->matches("aten::ScalarImplicit(Tensor a) -> Scalar");
  if (!is_integer) return;
  const torch::jit::WithInsertPoint guard(node);
  if (TorchValue* const integer = IntegerIn(graph, node->input()))
    node->output()->replaceAllUsesWith(integer);
}

// Spells out what makes several dimensions of one.
void FoldUnflatten(Graph& graph, Node* node) {
  if (!node->matches("aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)")) return;
  const std::optional<size_t> rank = RankOf(*node->input(0));
  const std::optional<int64_t> dim = torch::jit::constant_as<int64_t>(node->input(1));
  const std::optional<c10::IValue> sizes = torch::jit::toIValue(node->input(2));
  if (!rank || !dim || !sizes || !sizes->isIntList()) return;
  const auto at = static_cast<size_t>(*dim < 0 ? *dim + static_cast<int64_t>(*rank) : *dim);
  const torch::jit::WithInsertPoint guard(node);
  std::vector<TorchValue*> all;
  for (size_t axis = 0; axis < *rank; ++axis) {
    if (axis != at) {
      all.push_back(graph.insert(torch::jit::aten::size, {node->input(0), static_cast<int64_t>(axis)}));
      continue;
    }
    for (const int64_t size : sizes->toIntVector()) all.push_back(graph.insertConstant(size));
  }
  TorchValue* const list = graph.insertNode(graph.createList(c10::IntType::get(), all))->output();
  node->output()->replaceAllUsesWith(graph.insert(torch::jit::aten::view, {node->input(0), list}));
}

void FoldFacts(Graph& graph, Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* const node = *it++;
    for (Block* const inner : node->blocks()) FoldFacts(graph, inner);
    if (node->kind() == torch::jit::prim::unchecked_cast &&
        node->input()->type()->kind() == c10::TypeKind::TensorType) {
      node->output()->replaceAllUsesWith(node->input());
    }
    FoldIntegers(graph, node);
    FoldUnflatten(graph, node);
    const std::optional<c10::IValue> fact = FactOf(*node);
    if (!fact) continue;
    const torch::jit::WithInsertPoint guard(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(*fact));
    node->destroy();
  }
}

// Nodes that the block has when its loops of a constant number of rounds are unrolled; no more than about
// kMostNodes.
int64_t UnrolledNodes(const Block& block) {
  int64_t nodes = 0;
  for (const Node* const node : block.nodes()) {
    ++nodes;
    int64_t rounds = 1;
    if (node->kind() == torch::jit::prim::Loop) {
      const std::optional<c10::IValue> constant = torch::jit::toIValue(node->input(0));
      // A loop on a condition has as many as an integer can count.
      if (constant) rounds = std::clamp<int64_t>(constant->toInt(), 1, kMostNodes);
    }
    for (const Block* const inner : node->blocks()) nodes += rounds * UnrolledNodes(*inner);
    if (nodes > kMostNodes) return kMostNodes + 1;
  }
  return nodes;
}

// What the block is made of, in order.
void AppendKinds(const Block& block, std::vector<uint32_t>* kinds) {
  for (const Node* const node : block.nodes()) {
    kinds->push_back(node->kind());
    for (const Block* const inner : node->blocks()) AppendKinds(*inner, kinds);
  }
}

std::vector<uint32_t> KindsOf(const Graph& graph) {
  std::vector<uint32_t> kinds;
  AppendKinds(*graph.block(), &kinds);
  return kinds;
}

bool Raises(const Block& block) {
  return std::any_of(block.nodes().begin(), block.nodes().end(),
                     [](const Node* node) { return node->kind() == torch::jit::prim::RaiseException; });
}

// Puts the branch in the place of the whole.
void TakeBranch(Node* node, Block* branch) {
  for (auto it = branch->nodes().begin(); it != branch->nodes().end();) {
    Node* const inner = *it++;
    inner->moveBefore(node);
  }
  for (size_t i = 0; i < node->outputs().size(); ++i) {
    node->output(i)->replaceAllUsesWith(branch->outputs()[i]);
  }
  node->destroy();
}

void UnfoldLists(Graph& graph, Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* const node = *it++;
    for (Block* const inner : node->blocks()) UnfoldLists(graph, inner);
    if (node->kind() != torch::jit::prim::Constant || node->outputs().empty()) continue;
    const std::optional<c10::IValue> value = torch::jit::toIValue(node->output());
    if (!value || !value->isTensorList()) continue;
    const torch::jit::WithInsertPoint guard(node);
    std::vector<TorchValue*> items;
    for (const at::Tensor& item : value->toTensorVector()) items.push_back(graph.insertConstant(item));
    Node* const list = graph.insertNode(graph.createList(c10::TensorType::get(), items));
    node->output()->replaceAllUsesWith(list->output());
    node->destroy();
  }
}

// `with_shapes`: with what LibTorch can tell of the sizes of tensors.
void SimplifyRounds(std::shared_ptr<Graph>& graph, bool with_shapes) {
  std::string before, now;
  for (int round = 0; round < kMostRounds; ++round) {
    const std::vector<uint32_t> kinds = KindsOf(*graph);
    SpellOutFastPaths(*graph);
    FoldFacts(*graph, graph->block());
    // It forgets what the others below found out.
    if (round < kForgetful) torch::jit::PropagateInputShapes(graph);
    // What it adds makes implicit expansions explicit, for known sizes only.
    torch::jit::RemoveExpands(graph);
    if (with_shapes) torch::jit::PropagateShapesOnGraph(graph);  // ranks, where sizes are not known
    GiveTypes(*graph);
    torch::jit::PeepholeOptimize(graph);
    FoldSizes(*graph, graph->block());
    torch::jit::ConstantPropagation(graph);
    if (UnrolledNodes(*graph->block()) <= kMostNodes) torch::jit::UnrollConstantLoops(graph);
    torch::jit::RemoveListMutation(graph);
    torch::jit::RemoveTensorMutation(graph);
    torch::jit::PeepholeOptimizeListIdioms(graph, /*refine_list_len=*/true);
    torch::jit::LowerSimpleTuples(graph);
    // Two tensors that are equal are not the same.
    if (!AsksWhetherTheSame(*graph->block())) torch::jit::EliminateCommonSubexpression(graph);
    torch::jit::EliminateDeadCode(graph);
    before = std::exchange(now, graph->toString(/*print_source_locations=*/false));
    if (round >= kForgetful && now == before) break;
    // Nothing more comes of beginning anew; shapes take long.
    if (round < kForgetful && kinds == KindsOf(*graph)) round = kForgetful - 1;
  }
}

// Operators of which neither a rule of eligibility nor the conversion asks for more than dtypes and ranks.
bool NeedsRanksOnly(const Node& node) {
  switch (node.kind()) {
    case torch::jit::prim::Constant:
    case torch::jit::prim::ListConstruct:
    case torch::jit::aten::_convolution:
    case torch::jit::aten::adaptive_avg_pool2d:
    case torch::jit::aten::add:
    case torch::jit::aten::avg_pool2d:
    case torch::jit::aten::batch_norm:
    case torch::jit::aten::cat:
    case torch::jit::aten::conv1d:
    case torch::jit::aten::conv2d:
    case torch::jit::aten::flatten:
    case torch::jit::aten::gelu:
    case torch::jit::aten::hardswish:
    case torch::jit::aten::hardtanh:
    case torch::jit::aten::leaky_relu:
    case torch::jit::aten::linear:
    case torch::jit::aten::max_pool2d:
    case torch::jit::aten::mean:
    case torch::jit::aten::mul:
    case torch::jit::aten::relu:
    case torch::jit::aten::sigmoid:
    case torch::jit::aten::silu:
    case torch::jit::aten::tanh:
      return true;
    default:
      return false;
  }
}

// Whether more may come of knowing sizes: a rank is not known, or an operator may ask for them.
bool AsksForSizes(const Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const Node* node) {
    if (!NeedsRanksOnly(*node)) return true;
    return std::any_of(node->outputs().begin(), node->outputs().end(), [](const TorchValue* output) {
      return output->type()->kind() == c10::TypeKind::TensorType && !RankOf(*output);
    });
  });
}

}  // namespace

void Simplify(std::shared_ptr<Graph>& graph) {
  // LibTorch compiles all its shape functions when the first is asked for, which takes 0.2 s; of convolution
  // nets, mostly, nobody asks.
  std::shared_ptr<Graph> without = graph->copy();
  SimplifyRounds(without, /*with_shapes=*/false);
  if (!AsksForSizes(*without)) {
    graph = std::move(without);
    return;
  }
  SimplifyRounds(graph, /*with_shapes=*/true);
}

std::vector<Guard> TakeOutRaises(Graph& graph) {
  std::vector<Guard> guards;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node* const node = *it++;
    if (node->kind() != torch::jit::prim::If) continue;
    Block *const yes = node->blocks()[0], *const no = node->blocks()[1];
    if (Raises(*yes) == Raises(*no)) continue;
    guards.push_back({.condition = node->input(), .raises_when = Raises(*yes)});
    TakeBranch(node, Raises(*yes) ? no : yes);
  }
  return guards;
}

void UnfoldLists(Graph& graph) { UnfoldLists(graph, graph.block()); }

}  // namespace modeld
