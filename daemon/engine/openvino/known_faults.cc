#include "daemon/engine/openvino/known_faults.h"

#include <algorithm>
#include <memory>
#include <openvino/op/constant.hpp>
#include <openvino/op/util/binary_elementwise_arithmetic.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <openvino/op/util/reduction_base.hpp>
#include <openvino/op/util/unary_elementwise_arithmetic.hpp>
#include <openvino/pass/constant_folding.hpp>
#include <openvino/pass/manager.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/openvino/weights.h"

namespace modeld {
namespace {

using ov::op::util::ReductionBase;
using ov::op::v0::Constant;

constexpr int kMaxDepth = 20;

// Where a dimension that was put in before goes out again, the axes that are counted from the end count on.
void CountAxesFromTheBegin(const std::shared_ptr<ReductionBase>& reduction) {
  const auto axes = ov::as_type_ptr<Constant>(reduction->get_input_node_shared_ptr(1));
  const ov::Rank rank = reduction->get_input_partial_shape(0).rank();
  if (axes == nullptr || rank.is_dynamic()) return;
  std::vector<int64_t> positions = axes->cast_vector<int64_t>();
  for (int64_t& position : positions) {
    if (position < 0) position += rank.get_length();
  }
  reduction->input(1).replace_source_output(
      std::make_shared<Constant>(ov::element::i64, axes->get_shape(), positions));
}

bool IsElementwise(const ov::Node& node) {
  const std::string_view kind = node.get_type_name();
  return ov::is_type<ov::op::util::UnaryElementwiseArithmetic>(&node) ||
         ov::is_type<ov::op::util::BinaryElementwiseArithmetic>(&node) || kind == "Clamp" || kind == "Elu" ||
         kind == "HSwish" || kind == "Gelu" || kind == "Swish" || kind == "PRelu" || kind == "Relu";
}

bool IsOnlyReshaped(const ov::Node& node) {
  const std::string_view kind = node.get_type_name();
  return kind == "Reshape" || kind == "Squeeze" || kind == "Unsqueeze" || kind == "Convert";
}

// Of the operators with a constant those that are fused as powers, not channel by channel.
bool IsScaleOrShift(const ov::Node& node, const Constant& constant) {
  const std::string_view kind = node.get_type_name();
  return ov::shape_size(constant.get_shape()) == 1 &&
         (kind == "Multiply" || kind == "Add" || kind == "Subtract");
}

// Whether an operator that takes what `node` gives, or one after it, has a constant for each channel.
bool MeetsChannels(const ov::Node& node, int depth = 0) {
  if (depth > kMaxDepth) return true;
  for (const ov::Input<ov::Node>& input : node.output(0).get_target_inputs()) {
    const ov::Node& next = *input.get_node();
    if (std::string_view(next.get_type_name()) == "BatchNormInference") return true;
    if (!IsElementwise(next) && !IsOnlyReshaped(next)) continue;
    bool is_fused = true;  // which nothing is that takes other tensors
    for (size_t i = 0; IsElementwise(next) && i < next.get_input_size(); ++i) {
      if (i == input.get_index()) continue;
      const auto* const constant = ov::as_type<const Constant>(next.get_input_node_ptr(i));
      if (constant != nullptr && !IsScaleOrShift(next, *constant)) return true;
      is_fused = is_fused && constant != nullptr;
    }
    if (is_fused && MeetsChannels(next, depth + 1)) return true;
  }
  return false;
}

// What is fused into a reduction of three dimensions takes the first channel's constant for each.
void CheckReduction(const ov::Node& node) {
  const std::string kind = node.get_type_name();
  if (kind.rfind("Reduce", 0) != 0 && kind.rfind("Adaptive", 0) != 0) return;
  const ov::Rank rank = node.get_input_partial_shape(0).rank();
  if (rank.is_static() && rank.get_length() != 3) return;
  if (MeetsChannels(node))
    throw std::runtime_error(kind + " of three dimensions, and what has a constant after it");
}

// What is computed of constants only is so in the first run, and may be written over by it.
void FoldConstants(const std::shared_ptr<ov::Model>& model) {
  ov::pass::Manager manager;
  manager.register_pass<ov::pass::ConstantFolding>();
  manager.run_passes(model);
  for (const std::shared_ptr<ov::Node>& node : model->get_ordered_ops()) {
    const auto inputs = node->inputs();
    const bool has_other = std::any_of(inputs.begin(), inputs.end(), [](const ov::Input<ov::Node>& input) {
      return !ov::is_type<Constant>(input.get_source_output().get_node());
    });
    if (inputs.empty() || has_other || std::string_view(node->get_type_name()) == "Result") continue;
    throw std::runtime_error(std::string(node->get_type_name()) + " is computed of constants only");
  }
}

void ChangeOperators(const ov::Model& model) {
  for (const std::shared_ptr<ov::Node>& node : model.get_ordered_ops()) {
    if (const auto reduction = ov::as_type_ptr<ReductionBase>(node)) CountAxesFromTheBegin(reduction);
    if (const auto nested = ov::as_type_ptr<ov::op::util::MultiSubGraphOp>(node)) {
      for (const std::shared_ptr<ov::Model>& body : nested->get_functions()) ChangeOperators(*body);
    }
  }
}

}  // namespace

void AvoidKnownFaults(const std::shared_ptr<ov::Model>& model) {
  ChangeOperators(*model);
  FoldConstants(model);
  for (const std::shared_ptr<ov::Node>& node : model->get_ordered_ops()) CheckReduction(*node);
  SeparateWeights(*model);
}

}  // namespace modeld
