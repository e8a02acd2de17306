#include "daemon/engine/openvino/fast_paths.h"

#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <memory>
#include <optional>
#include <vector>

namespace modeld {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;

// Masks that are no booleans are taken for such. Each function has the arguments of the operator of its name.
constexpr char kSource[] = R"(
def _seen(query, mask: Optional[Tensor], mask_type: Optional[int]) -> Optional[Tensor]:
    if mask is None:
        return None
    seen = torch.logical_not(mask.to(11))  # to bool
    if mask_type is not None and mask_type == 1:
        seen = seen.unsqueeze(1).unsqueeze(2)
    return seen

def _split(query, qkv_weight, qkv_bias, num_heads: int) -> Tuple[Tensor, Tensor, Tensor]:
    batch, length, width = query.size(0), query.size(1), query.size(2)
    qkv = torch.linear(query, qkv_weight, qkv_bias)
    parts = qkv.reshape(batch, length, 3, num_heads, qkv_weight.size(1) // num_heads).permute(2, 0, 3, 1, 4)
    return parts.select(0, 0), parts.select(0, 1), parts.select(0, 2)

def _join(heads, proj_weight, proj_bias):
    return torch.linear(torch.flatten(heads.transpose(1, 2), 2), proj_weight, proj_bias)

def _attend(x, num_heads: int, qkv_weight, qkv_bias, proj_weight, proj_bias, mask: Optional[Tensor],
            mask_type: Optional[int]):
    query, key, value = _split(x, qkv_weight, qkv_bias, num_heads)
    heads = torch.scaled_dot_product_attention(query, key, value, _seen(x, mask, mask_type))
    return _join(heads, proj_weight, proj_bias)

def _native_multi_head_attention(query, key, value, embed_dim: int, num_head: int, qkv_weight, qkv_bias,
                                 proj_weight, proj_bias, mask: Optional[Tensor], need_weights: bool,
                                 average_attn_weights: bool, mask_type: Optional[int]):
    q, k, v = _split(query, qkv_weight, qkv_bias, num_head)
    scores = torch.matmul(q * (float(embed_dim // num_head) ** -0.5), k.transpose(-2, -1))
    seen = _seen(query, mask, mask_type)
    if seen is not None:
        scores = scores.masked_fill(torch.logical_not(seen), float("-inf"))
    weights = torch.softmax(scores, -1)
    joined = _join(torch.matmul(weights, v), proj_weight, proj_bias)
    if average_attn_weights:
        weights = torch.mean(weights, [1])
    return joined, weights

def _transformer_encoder_layer_fwd(src, embed_dim: int, num_heads: int, qkv_weight, qkv_bias, proj_weight,
                                   proj_bias, use_gelu: bool, norm_first: bool, eps: float, norm_weight_1,
                                   norm_bias_1, norm_weight_2, norm_bias_2, ffn_weight_1, ffn_bias_1,
                                   ffn_weight_2, ffn_bias_2, mask: Optional[Tensor], mask_type: Optional[int]):
    x = src
    if norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_1, norm_bias_1, eps)
    x = src + _attend(x, num_heads, qkv_weight, qkv_bias, proj_weight, proj_bias, mask, mask_type)
    if not norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_1, norm_bias_1, eps)
    y = x
    if norm_first:
        y = torch.layer_norm(y, [embed_dim], norm_weight_2, norm_bias_2, eps)
    y = torch.linear(y, ffn_weight_1, ffn_bias_1)
    if use_gelu:
        y = torch.gelu(y)
    else:
        y = torch.relu(y)
    x = x + torch.linear(y, ffn_weight_2, ffn_bias_2)
    if not norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_2, norm_bias_2, eps)
    return x
)";

const torch::jit::CompilationUnit& Functions() {
  static const auto* const functions = [] {
    auto* const made = new torch::jit::CompilationUnit();
    made->define(std::nullopt, kSource, torch::jit::nativeResolver(), nullptr);
    return made;
  }();
  return *functions;
}

// Of one tensor with itself. Weights that are not needed are not there, as a None is not.
bool IsSelfAttention(const Node& node) {
  if (node.kind() != torch::jit::aten::_native_multi_head_attention) return false;
  if (node.input(1) != node.input(0) || node.input(2) != node.input(0)) return false;
  const int needs = node.schema().argumentIndexWithName("need_weights").value_or(0);
  const std::optional<bool> are_needed =
      torch::jit::constant_as<bool>(node.input(static_cast<size_t>(needs)));
  return are_needed && (*are_needed || node.output(1)->uses().empty());
}

// Null: there is none for such a node.
torch::jit::Function* SpelledOut(const Node& node) {
  const bool is_known =
      node.kind() == torch::jit::aten::_transformer_encoder_layer_fwd || IsSelfAttention(node);
  return is_known ? Functions().find_function(c10::QualifiedName(node.kind().toUnqualString())) : nullptr;
}

bool IsInt(const torch::jit::Value* value, int64_t number) {
  return torch::jit::constant_as<int64_t>(value) == number;
}

// Bags that are the rows of a matrix of indices, as nn.EmbeddingBag takes them. Null: they are others.
torch::jit::Value* RowsThatAreBags(const Node& bag) {
  const Node &flat = *bag.input(1)->node(), &offsets = *bag.input(2)->node();
  if (flat.kind() != torch::jit::aten::reshape || offsets.kind() != torch::jit::aten::arange) return nullptr;
  torch::jit::Value* const rows = flat.input(0);
  const auto type = rows->type()->cast<c10::TensorType>();
  if (type == nullptr || type->dim() != size_t{2} || offsets.inputs().size() != 7) return nullptr;
  const Node &end = *offsets.input(1)->node(), &step = *offsets.input(2)->node();
  const bool is_all = end.kind() == torch::jit::aten::numel && end.input(0) == rows;
  const bool is_width = step.kind() == torch::jit::aten::size && step.inputs().size() == 2 &&
                        step.input(0) == rows && IsInt(step.input(1), 1);
  const std::optional<int64_t> width = type->sizes()[1];
  const bool is_known_width = width && IsInt(offsets.input(2), *width);
  if (!IsInt(offsets.input(0), 0) || !is_all || (!is_width && !is_known_width)) return nullptr;
  return rows;
}

// Bags of embeddings that are summed, or of which the mean is taken.
void SpellOutBag(Graph& graph, Node* node) {
  if (node->kind() != torch::jit::aten::embedding_bag || node->inputs().size() != 9) return;
  for (size_t i = 1; i < node->outputs().size(); ++i) {
    if (!node->output(i)->uses().empty()) return;
  }
  torch::jit::Value* const rows = RowsThatAreBags(*node);
  const bool is_mean = IsInt(node->input(4), 1);
  const bool is_plain = torch::jit::constant_as<bool>(node->input(7)) == false &&
                        node->input(6)->mustBeNone() && node->input(8)->mustBeNone();
  if (rows == nullptr || !is_plain || (!is_mean && !IsInt(node->input(4), 0))) return;
  const torch::jit::WithInsertPoint guard(node);
  torch::jit::Value* const found = graph.insert(torch::jit::aten::embedding, {node->input(0), rows});
  const c10::Symbol reduce = is_mean ? torch::jit::aten::mean : torch::jit::aten::sum;
  node->output(0)->replaceAllUsesWith(graph.insert(reduce, {found, std::vector<int64_t>{1}}));
}

void SpellOut(Graph& graph, Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* const node = *it++;
    for (Block* const inner : node->blocks()) SpellOut(graph, inner);
    SpellOutBag(graph, node);
    torch::jit::Function* const function = SpelledOut(*node);
    if (function == nullptr) continue;
    const torch::jit::WithInsertPoint guard(node);
    const std::shared_ptr<Graph> body = torch::jit::toGraphFunction(*function).graph()->copy();
    torch::jit::Inline(*body);
    std::vector<torch::jit::Value*> outputs = torch::jit::insertGraph(graph, *body, node->inputs());
    if (outputs.size() != node->outputs().size()) outputs = torch::jit::createTupleUnpack(outputs[0]).vec();
    for (size_t i = 0; i < outputs.size(); ++i) node->output(i)->replaceAllUsesWith(outputs[i]);
    node->destroy();
  }
}

}  // namespace

void SpellOutFastPaths(Graph& graph) { SpellOut(graph, graph.block()); }

}  // namespace modeld
