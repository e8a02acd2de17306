#include "daemon/engine/openvino/dimensions.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace modeld {
namespace {

using torch::jit::Node;
using TorchValue = torch::jit::Value;
namespace aten = torch::jit::aten;

constexpr int kMaxDepth = 50;

// A number; the size of a tensor along an axis; or an integer of the graph. Two that are equal are the same
// size. None of these: it is not known.
struct Dimension {
  std::optional<int64_t> number;
  const TorchValue* value = nullptr;
  int64_t axis = -1;  // of the value, where it is a tensor

  bool operator==(const Dimension& other) const {
    if (number || other.number) return number == other.number;
    return value != nullptr && value == other.value && axis == other.axis;
  }
};

std::optional<int64_t> IntOf(const TorchValue* value) {
  const std::optional<c10::IValue> constant = torch::jit::toIValue(value);
  return constant && constant->isInt() ? std::optional<int64_t>(constant->toInt()) : std::nullopt;
}

std::optional<int64_t> RankOf(const TorchValue& tensor) {
  const auto type = tensor.type()->cast<c10::TensorType>();
  if (type == nullptr || !type->dim()) return std::nullopt;
  return static_cast<int64_t>(*type->dim());
}

// The constant argument as an axis of the tensor, from 0 on.
std::optional<int64_t> AxisOf(const TorchValue* argument, const TorchValue& tensor) {
  const std::optional<int64_t> axis = IntOf(argument), rank = RankOf(tensor);
  if (!axis || !rank) return std::nullopt;
  return *axis < 0 ? *axis + *rank : *axis;
}

Dimension DimensionOf(const TorchValue& tensor, int64_t axis, int depth = 0);

// Of an integer that stands for a size.
Dimension DimensionOf(const TorchValue* size, int depth) {
  if (const std::optional<int64_t> number = IntOf(size)) {
    return *number < 0 ? Dimension{} : Dimension{.number = number};
  }
  const Node& node = *size->node();
  if (node.kind() == aten::size && node.inputs().size() == 2) {
    const std::optional<int64_t> axis = AxisOf(node.input(1), *node.input(0));
    if (axis) return DimensionOf(*node.input(0), *axis, depth + 1);
  }
  if (node.kind() == torch::jit::prim::ListUnpack && node.input()->node()->kind() == aten::size) {
    return DimensionOf(*node.input()->node()->input(0), static_cast<int64_t>(size->offset()), depth + 1);
  }
  return {.number = {}, .value = size, .axis = -1};
}

// The axis of the node's first tensor that is of the same size as that of its output.
std::optional<int64_t> AxisBefore(const Node& node, const TorchValue& output, int64_t axis) {
  const TorchValue& tensor = *node.input(0);
  const std::optional<int64_t> rank = RankOf(tensor);
  if (!rank) return std::nullopt;
  switch (node.kind()) {
    case aten::linear:
      return axis < *rank - 1 ? std::optional<int64_t>(axis) : std::nullopt;
    case aten::layer_norm:
    case aten::gelu:
    case aten::relu:
    case aten::softmax:
    case aten::contiguous:
      return axis;
    case aten::split:
    case aten::split_with_sizes:
    case aten::chunk: {
      const std::optional<int64_t> along = AxisOf(node.input(2), tensor);
      return along && *along != axis ? std::optional<int64_t>(axis) : std::nullopt;
    }
    case aten::select: {
      const std::optional<int64_t> along = AxisOf(node.input(1), tensor);
      if (!along) return std::nullopt;
      return axis < *along ? axis : axis + 1;
    }
    case aten::transpose: {
      const std::optional<int64_t> a = AxisOf(node.input(1), tensor), b = AxisOf(node.input(2), tensor);
      if (!a || !b) return std::nullopt;
      return axis == *a ? b : axis == *b ? a : std::optional<int64_t>(axis);
    }
    default:
      return std::nullopt;
  }
}

Dimension DimensionOf(const TorchValue& tensor, int64_t axis, int depth) {
  const std::optional<int64_t> rank = RankOf(tensor);
  if (rank && axis >= 0 && axis < *rank) {
    const std::optional<int64_t> known =
        tensor.type()->expectRef<c10::TensorType>().sizes()[static_cast<size_t>(axis)];
    if (known) return {.number = known};
  }
  const Dimension here{.number = {}, .value = &tensor, .axis = axis};
  if (depth > kMaxDepth) return here;
  const Node* node = tensor.node();
  if (node->kind() == torch::jit::prim::ListUnpack) node = node->input()->node();
  if (node->inputs().empty()) return here;
  const bool is_view = node->kind() == aten::view || node->kind() == aten::reshape;
  if (is_view && node->input(1)->node()->kind() == torch::jit::prim::ListConstruct) {
    const auto sizes = node->input(1)->node()->inputs();
    if (axis >= static_cast<int64_t>(sizes.size())) return here;
    const Dimension listed = DimensionOf(sizes[static_cast<size_t>(axis)], depth + 1);
    return listed.number || listed.value != nullptr ? listed : here;
  }
  if (node->input(0)->type()->kind() != c10::TypeKind::TensorType) return here;
  const std::optional<int64_t> before = AxisBefore(*node, tensor, axis);
  return before ? DimensionOf(*node->input(0), *before, depth + 1) : here;
}

}  // namespace

bool OnlySplitsOneDimension(const Node& view) {
  const std::optional<int64_t> rank = RankOf(*view.input(0));
  if (!rank || view.input(1)->node()->kind() != torch::jit::prim::ListConstruct) return false;
  std::vector<Dimension> from, to;
  for (int64_t axis = 0; axis < *rank; ++axis) from.push_back(DimensionOf(*view.input(0), axis));
  for (const TorchValue* const size : view.input(1)->node()->inputs()) to.push_back(DimensionOf(size, 0));
  const size_t most = std::min(from.size(), to.size());
  size_t first = 0, last = 0;
  while (first < most && from[first] == to[first]) ++first;
  while (first + last < most && from[from.size() - 1 - last] == to[to.size() - 1 - last]) ++last;
  return from.size() - first - last <= 1;
}

}  // namespace modeld
