#include "daemon/engine/openvino/simplify.h"

#include <torch/csrc/jit/ir/constants.h>
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
#include <optional>
#include <string>
#include <utility>

#include "daemon/engine/openvino/fast_paths.h"
#include "daemon/engine/openvino/operators.h"

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

// Where all sizes are taken at once, those that are known.
void FoldKnownSizes(Graph& graph, Node* unpack) {
  if (unpack->kind() != torch::jit::prim::ListUnpack) return;
  const Node* const sizes = unpack->input()->node();
  if (sizes->kind() != torch::jit::aten::size || sizes->inputs().size() != 1) return;
  const auto type = sizes->input()->type()->cast<c10::TensorType>();
  if (type == nullptr || type->dim() != unpack->outputs().size()) return;
  const torch::jit::WithInsertPoint guard(unpack);
  for (size_t i = 0; i < unpack->outputs().size(); ++i) {
    if (const std::optional<int64_t> size = type->sizes()[i]) {
      unpack->output(i)->replaceAllUsesWith(graph.insertConstant(*size));
    }
  }
}

// The size of what was made in that size; of lists that are made of the same values, whether they are equal.
// Sizes of initial states are checked like this by LSTM and GRU.
void FoldSizes(Graph& graph, Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* const node = *it++;
    for (Block* const inner : node->blocks()) FoldSizes(graph, inner);
    FoldKnownSizes(graph, node);
    if (node->kind() == torch::jit::aten::size && node->inputs().size() == 1) {
      Node* const made = node->input(0)->node();
      const bool is_made = made->kind() == torch::jit::aten::zeros || made->kind() == torch::jit::aten::ones;
      if (is_made && IsListConstruct(made->input(0))) node->output()->replaceAllUsesWith(made->inputs()[0]);
      continue;
    }
    const bool is_ne = node->matches("aten::ne.int_list(int[] a, int[] b) -> bool");
    if (!is_ne && !node->matches("aten::eq.int_list(int[] a, int[] b) -> bool")) continue;
    if (!IsListConstruct(node->input(0)) || !IsListConstruct(node->input(1))) continue;
    const auto a = node->input(0)->node()->inputs(), b = node->input(1)->node()->inputs();
    if (a.size() == b.size() && !std::equal(a.begin(), a.end(), b.begin())) continue;
    const torch::jit::WithInsertPoint guard(node);
    node->output()->replaceAllUsesWith(graph.insertConstant((a.size() == b.size()) != is_ne));
  }
}

// What holds of all that is run here: on the CPU, without gradients, of tensors that are dense.
std::optional<c10::IValue> FactOf(const Node& node) {
  if (node.matches("aten::is_grad_enabled() -> bool")) return false;
  if (node.matches("aten::is_autocast_enabled() -> bool")) return false;
  if (node.matches("prim::is_nested(Tensor a) -> bool")) return false;
  if (node.matches("prim::device(Tensor a) -> Device")) return c10::Device(at::kCPU);
  if (node.kind() == torch::jit::aten::__is__ && node.input(0) == node.input(1)) return true;
  return std::nullopt;
}

void FoldFacts(Graph& graph, Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* const node = *it++;
    for (Block* const inner : node->blocks()) FoldFacts(graph, inner);
    if (node->kind() == torch::jit::prim::unchecked_cast &&
        node->input()->type()->kind() == c10::TypeKind::TensorType) {
      node->output()->replaceAllUsesWith(node->input());
    }
    const std::optional<c10::IValue> fact = FactOf(*node);
    if (!fact) continue;
    const torch::jit::WithInsertPoint guard(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(*fact));
    node->destroy();
  }
}

std::optional<at::ScalarType> DTypeOf(const TorchValue& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  return type == nullptr ? std::nullopt : type->scalarType();
}

// What operators of OpenVINO's list make of float32 is float32, where only booleans are beside it. LibTorch's
// own propagation does not know that of all of them.
void GiveDTypes(Block* block) {
  for (Node* const node : block->nodes()) {
    for (Block* const inner : node->blocks()) GiveDTypes(inner);
    const c10::FunctionSchema* const schema = node->maybeSchema();
    if (schema == nullptr || node->outputs().size() != 1 || node->inputs().empty()) continue;
    const auto type = node->output()->type()->cast<c10::TensorType>();
    const Operator* const known = FindOperator(c10::toString(schema->operator_name()));
    if (type == nullptr || type->scalarType() || known == nullptr || known->gives != '1') continue;
    if (DTypeOf(*node->input(0)) != at::kFloat) continue;
    const bool is_float =
        std::all_of(node->inputs().begin(), node->inputs().end(), [](const TorchValue* input) {
          const std::optional<at::ScalarType> dtype = DTypeOf(*input);
          return input->type()->kind() != c10::TypeKind::TensorType || dtype == at::kFloat ||
                 dtype == at::kBool;
        });
    if (is_float) node->output()->setType(type->withScalarType(at::kFloat));
  }
}

std::optional<size_t> RankOf(const TorchValue& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  return type == nullptr ? std::nullopt : type->dim();
}

// The rank of what the node gives, of those of which LibTorch's own propagation does not know it.
std::optional<size_t> GivenRank(const Node& node) {
  switch (node.kind()) {
    case torch::jit::aten::scaled_dot_product_attention:
    case torch::jit::aten::logical_not:
      return RankOf(*node.input(0));
    case torch::jit::aten::masked_fill: {
      const std::optional<size_t> rank = RankOf(*node.input(0)), of_mask = RankOf(*node.input(1));
      return rank && of_mask ? std::max(rank, of_mask) : std::nullopt;
    }
    case torch::jit::prim::ListUnpack: {
      const Node& list = *node.input()->node();
      const bool is_pieces = list.kind() == torch::jit::aten::split ||
                             list.kind() == torch::jit::aten::chunk ||
                             list.kind() == torch::jit::aten::split_with_sizes;
      return is_pieces ? RankOf(*list.input(0)) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

void GiveRanks(Block* block) {
  for (Node* const node : block->nodes()) {
    for (Block* const inner : node->blocks()) GiveRanks(inner);
    const std::optional<size_t> rank = GivenRank(*node);
    for (TorchValue* const output : node->outputs()) {
      const auto type = output->type()->cast<c10::TensorType>();
      if (rank && type != nullptr && !type->dim()) output->setType(type->withDim(*rank));
    }
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

}  // namespace

void Simplify(std::shared_ptr<Graph>& graph) {
  std::string before, now;
  for (int round = 0; round < kMostRounds; ++round) {
    SpellOutFastPaths(*graph);
    FoldFacts(*graph, graph->block());
    // It forgets what the others below found out.
    if (round < kForgetful) torch::jit::PropagateInputShapes(graph);
    // What it adds makes implicit expansions explicit, for known sizes only.
    torch::jit::RemoveExpands(graph);
    torch::jit::PropagateShapesOnGraph(graph);  // ranks, where sizes are not known
    GiveDTypes(graph->block());
    GiveRanks(graph->block());
    torch::jit::PeepholeOptimize(graph);
    FoldSizes(*graph, graph->block());
    torch::jit::ConstantPropagation(graph);
    if (UnrolledNodes(*graph->block()) <= kMostNodes) torch::jit::UnrollConstantLoops(graph);
    torch::jit::RemoveListMutation(graph);
    torch::jit::RemoveTensorMutation(graph);
    torch::jit::PeepholeOptimizeListIdioms(graph, /*refine_list_len=*/true);
    torch::jit::LowerSimpleTuples(graph);
    torch::jit::EliminateDeadCode(graph);
    before = std::exchange(now, graph->toString(/*print_source_locations=*/false));
    if (round >= kForgetful && now == before) break;
  }
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
