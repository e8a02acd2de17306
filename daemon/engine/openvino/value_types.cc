#include "daemon/engine/openvino/value_types.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/engine/openvino/operators.h"

namespace modeld {

using torch::jit::Block;
using torch::jit::Node;
using TorchValue = torch::jit::Value;

std::optional<size_t> RankOf(const TorchValue& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  return type == nullptr ? std::nullopt : type->dim();
}

namespace {

bool IsListConstruct(const TorchValue* value) {
  return value->node()->kind() == torch::jit::prim::ListConstruct;
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

// None: the rank is not known; within: a size is not.
using Sizes = std::optional<std::vector<std::optional<int64_t>>>;

Sizes SizesOf(const TorchValue& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  return type == nullptr ? std::nullopt : type->sizes().sizes();
}

Sizes Unknown(std::optional<size_t> rank) {
  return rank ? Sizes(std::vector<std::optional<int64_t>>(*rank)) : std::nullopt;
}

// Of two tensors that are brought to one shape.
Sizes Broadcast(const Sizes& a, const Sizes& b) {
  if (!a || !b) return std::nullopt;
  Sizes result = Unknown(std::max(a->size(), b->size()));
  for (const Sizes& each : {a, b}) {
    for (size_t i = 0; i < each->size(); ++i) {
      const std::optional<int64_t> size = each->at(each->size() - 1 - i);
      if (size && *size > 1) result->at(result->size() - 1 - i) = size;
    }
  }
  return result;
}

Sizes ListedSizes(const TorchValue& list) {
  if (!IsListConstruct(&list)) return std::nullopt;
  std::vector<std::optional<int64_t>> sizes;
  for (const TorchValue* const size : list.node()->inputs()) {
    const std::optional<int64_t> number = torch::jit::constant_as<int64_t>(size);
    sizes.push_back(number && *number >= 0 ? number : std::nullopt);
  }
  return sizes;
}

Sizes SizesOfTransposed(const Node& node) {
  Sizes sizes = SizesOf(*node.input(0));
  const std::optional<int64_t> a = torch::jit::constant_as<int64_t>(node.input(1)),
                               b = torch::jit::constant_as<int64_t>(node.input(2));
  if (!sizes || !a || !b) return std::nullopt;
  const auto rank = static_cast<int64_t>(sizes->size());
  const auto at = [&](int64_t axis) { return static_cast<size_t>(axis < 0 ? axis + rank : axis); };
  if (at(*a) >= sizes->size() || at(*b) >= sizes->size()) return std::nullopt;
  std::swap(sizes->at(at(*a)), sizes->at(at(*b)));
  return sizes;
}

Sizes SizesOfLinear(const Node& node) {
  Sizes sizes = SizesOf(*node.input(0));
  const Sizes weight = SizesOf(*node.input(1));
  if (!sizes || sizes->empty() || !weight || weight->size() != 2) return std::nullopt;
  sizes->back() = weight->front();
  return sizes;
}

std::optional<size_t> RankOfFlattened(const Node& node) {
  const std::optional<size_t> rank = RankOf(*node.input(0));
  const std::optional<int64_t> first = torch::jit::constant_as<int64_t>(node.input(1)),
                               last = torch::jit::constant_as<int64_t>(node.input(2));
  if (!rank || *rank == 0 || !first || !last) return std::nullopt;
  const auto at = [&](int64_t axis) { return axis < 0 ? axis + static_cast<int64_t>(*rank) : axis; };
  const int64_t joined = at(*last) - at(*first);
  if (joined < 0 || joined >= static_cast<int64_t>(*rank)) return std::nullopt;
  return *rank - static_cast<size_t>(joined);
}

std::optional<size_t> RankOfMean(const Node& node) {
  const std::optional<size_t> rank = RankOf(*node.input(0));
  if (!rank || node.inputs().size() != 4) return std::nullopt;  // of some dimensions
  const std::optional<c10::IValue> dims = torch::jit::toIValue(node.input(1)),
                                   keeps = torch::jit::toIValue(node.input(2));
  if (!dims || !dims->isIntList() || !keeps || !keeps->isBool()) return std::nullopt;
  const size_t count = dims->toIntVector().size();
  if (keeps->toBool()) return rank;
  return count == 0 || count > *rank ? std::nullopt : std::optional(*rank - count);
}

// The sizes of what the node gives. LibTorch's own propagation knows them as well, but stops at attention.
Sizes GivenSizes(const Node& node) {
  switch (node.kind()) {
    case torch::jit::aten::transpose:
      return SizesOfTransposed(node);
    case torch::jit::aten::scaled_dot_product_attention:
    case torch::jit::aten::permute:
    case torch::jit::aten::conv1d:
    case torch::jit::aten::conv2d:
    case torch::jit::aten::_convolution:
    case torch::jit::aten::max_pool2d:
    case torch::jit::aten::avg_pool2d:
    case torch::jit::aten::adaptive_avg_pool2d:
      return Unknown(RankOf(*node.input(0)));
    case torch::jit::aten::flatten:
      return Unknown(RankOfFlattened(node));
    case torch::jit::aten::mean:
      return Unknown(RankOfMean(node));
    case torch::jit::aten::cat:
      return IsListConstruct(node.input(0)) && !node.input(0)->node()->inputs().empty()
                 ? Unknown(RankOf(*node.input(0)->node()->input(0)))
                 : std::nullopt;
    case torch::jit::aten::batch_norm:
    case torch::jit::aten::hardtanh:
    case torch::jit::aten::hardswish:
    case torch::jit::aten::leaky_relu:
    case torch::jit::aten::sigmoid:
    case torch::jit::aten::silu:
    case torch::jit::aten::tanh:
    case torch::jit::aten::logical_not:
    case torch::jit::aten::contiguous:
    case torch::jit::aten::layer_norm:
    case torch::jit::aten::gelu:
    case torch::jit::aten::relu:
      return SizesOf(*node.input(0));
    case torch::jit::aten::add:
    case torch::jit::aten::mul:
    case torch::jit::aten::masked_fill:
      return node.input(1)->type()->kind() == c10::TypeKind::TensorType
                 ? Broadcast(SizesOf(*node.input(0)), SizesOf(*node.input(1)))
                 : std::nullopt;
    case torch::jit::aten::linear:
      return SizesOfLinear(node);
    case torch::jit::aten::view:
    case torch::jit::aten::reshape:
      return ListedSizes(*node.input(1));
    case torch::jit::prim::ListUnpack: {
      const Node& list = *node.input()->node();
      const bool is_pieces = list.kind() == torch::jit::aten::split ||
                             list.kind() == torch::jit::aten::chunk ||
                             list.kind() == torch::jit::aten::split_with_sizes;
      return is_pieces ? Unknown(RankOf(*list.input(0))) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

void GiveSizes(Block* block) {
  for (Node* const node : block->nodes()) {
    for (Block* const inner : node->blocks()) GiveSizes(inner);
    const Sizes sizes = GivenSizes(*node);
    for (TorchValue* const output : node->outputs()) {
      const auto type = output->type()->cast<c10::TensorType>();
      if (sizes && type != nullptr && !type->dim())
        output->setType(type->withSymbolicShapes(c10::SymbolicShape(*sizes)));
    }
  }
}

}  // namespace

void GiveTypes(torch::jit::Graph& graph) {
  GiveDTypes(graph.block());
  GiveSizes(graph.block());
}

}  // namespace modeld
