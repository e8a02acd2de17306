#include "daemon/engine/openvino/guards.h"

#include <torch/csrc/jit/ir/constants.h>

#include <cmath>
#include <optional>
#include <vector>

namespace modeld {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using TorchValue = torch::jit::Value;
namespace aten = torch::jit::aten;

// What lies below is a mask's.
constexpr double kMasked = -1e30;

// Finite numbers come of those of which `comparison` with `bound` holds.
struct Domain {
  size_t argument = 0;
  c10::Symbol comparison;
  double bound = 0;
  bool magnitude = false;  // it holds of the number without its sign
};

// The logarithm of the largest FP32 is 88.72.
constexpr double kMostExponent = 88.5;

std::optional<Domain> DomainOfPower(const Node& node) {
  const std::optional<c10::IValue> exponent = torch::jit::toIValue(node.input(1));
  if (!exponent || !exponent->isScalar()) return std::nullopt;
  const double power = exponent->toScalar().toDouble();
  const bool is_whole = power == std::floor(power);
  if (is_whole && power >= 0) return std::nullopt;
  if (is_whole) return Domain{.argument = 0, .comparison = aten::ne, .bound = 0};
  return Domain{.argument = 0, .comparison = power > 0 ? aten::ge : aten::gt, .bound = 0};
}

std::optional<Domain> DomainOf(const Node& node) {
  switch (node.kind()) {
    case aten::exp:
    case aten::expm1:
      return Domain{.argument = 0, .comparison = aten::lt, .bound = kMostExponent};
    case aten::cosh:
    case aten::sinh:
      return Domain{.argument = 0, .comparison = aten::lt, .bound = kMostExponent, .magnitude = true};
    case aten::sqrt:
      return Domain{.argument = 0, .comparison = aten::ge, .bound = 0};
    case aten::rsqrt:
    case aten::log:
    case aten::log2:
    case aten::log10:
      return Domain{.argument = 0, .comparison = aten::gt, .bound = 0};
    case aten::log1p:
      return Domain{.argument = 0, .comparison = aten::gt, .bound = -1};
    case aten::reciprocal:
      return Domain{.argument = 0, .comparison = aten::ne, .bound = 0};
    case aten::div:
      return Domain{.argument = 1, .comparison = aten::ne, .bound = 0};
    case aten::pow:
      return DomainOfPower(node);
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::Status Guards::NodeIsDefined(const Node& node) {
  const std::optional<Domain> domain = DomainOf(node);
  if (!domain) return absl::OkStatus();
  TorchValue* const argument = node.input(domain->argument);
  // Of constants the operators' own rules know.
  if (torch::jit::toIValue(argument)) return absl::OkStatus();
  return Require(argument, [&](Graph& graph) {
    TorchValue* const number = domain->magnitude ? graph.insert(aten::abs, {argument}) : argument;
    return graph.insert(domain->comparison, {number, domain->bound});
  });
}

absl::Status Guards::RowsAreNotMasked(TorchValue* scores, int64_t dim) {
  return Require(scores, [&](Graph& graph) {
    TorchValue* const largest = graph.insert(aten::amax, {scores, std::vector<int64_t>{dim}});
    return graph.insert(aten::gt, {largest, kMasked});
  });
}

absl::Status Guards::RowsHoldTrue(TorchValue* mask) {
  return Require(mask, [&](Graph& graph) {
    TorchValue* const numbers = graph.insert(aten::to, {mask, at::kFloat});
    TorchValue* const largest = graph.insert(aten::amax, {numbers, std::vector<int64_t>{-1}});
    return graph.insert(aten::gt, {largest, 0.5});
  });
}

absl::Status Guards::IndicesAreWithin(TorchValue* indices, int64_t rows) {
  return Require(indices, [&](Graph& graph) {
    TorchValue* const from_zero = graph.insert(aten::ge, {indices, int64_t{0}});
    return graph.insert(aten::logical_and, {from_zero, graph.insert(aten::lt, {indices, rows})});
  });
}

absl::Status Guards::Require(TorchValue* value, const std::function<TorchValue*(Graph&)>& condition) {
  Graph& graph = *forward_.graph;
  if (value->node()->owningBlock() != graph.block()) {
    return absl::InvalidArgumentError("within a branch nothing tells whether it is defined");
  }
  Node* const next = value->node() == graph.param_node() ? *graph.nodes().begin() : value->node()->next();
  const torch::jit::WithInsertPoint guard(next);
  graph.registerOutput(graph.insert(aten::all, {condition(graph)}));
  forward_.raises_when.push_back(false);
  return absl::OkStatus();
}

}  // namespace modeld
