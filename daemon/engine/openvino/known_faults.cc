#include "daemon/engine/openvino/known_faults.h"

#include <algorithm>
#include <memory>
#include <openvino/core/graph_util.hpp>
#include <openvino/op/add.hpp>
#include <openvino/op/batch_norm.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/divide.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/sqrt.hpp>
#include <openvino/op/subtract.hpp>
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

std::shared_ptr<Constant> Sizes(const std::vector<int64_t>& sizes) {
  return std::make_shared<Constant>(ov::element::i64, ov::Shape{sizes.size()}, sizes);
}

// As a product and a sum: the fusion of a normalization into the product of matrices before it changes what
// others take from there, too.
void TakeApart(const std::shared_ptr<ov::op::v5::BatchNormInference>& norm) {
  const ov::Output<ov::Node> data = norm->input_value(0), gamma = norm->input_value(1),
                             beta = norm->input_value(2), mean = norm->input_value(3),
                             variance = norm->input_value(4);
  const ov::Rank rank = data.get_partial_shape().rank();
  if (rank.is_dynamic())
    throw std::runtime_error("batch normalization of a tensor of which the rank is open");
  std::vector<int64_t> channels(static_cast<size_t>(rank.get_length()), 1);
  channels.at(1) = -1;
  const auto epsilon = Constant::create(variance.get_element_type(), {}, {norm->get_eps_value()});
  const auto deviation =
      std::make_shared<ov::op::v0::Sqrt>(std::make_shared<ov::op::v1::Add>(variance, epsilon));
  const auto scale = std::make_shared<ov::op::v1::Divide>(gamma, deviation);
  const auto shift =
      std::make_shared<ov::op::v1::Subtract>(beta, std::make_shared<ov::op::v1::Multiply>(mean, scale));
  const auto scaled = std::make_shared<ov::op::v1::Multiply>(
      data, std::make_shared<ov::op::v1::Reshape>(scale, Sizes(channels), false));
  const auto shifted = std::make_shared<ov::op::v1::Add>(
      scaled, std::make_shared<ov::op::v1::Reshape>(shift, Sizes(channels), false));
  ov::replace_node(norm, shifted);
}

// Numbers that are the same in each run, and not all the same by their count.
bool AreConstants(const ov::Node& node, int depth = 0) {
  if (const auto* const constant = ov::as_type<const Constant>(&node))
    return constant->get_element_type().is_real() && ov::shape_size(constant->get_shape()) > 1;
  return depth < kMaxDepth && node.get_input_size() > 0 &&
         AreConstants(*node.get_input_node_ptr(0), depth + 1);
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

// Whether an operator that takes what `node` gives, or one after it, has a constant for each channel.
bool MeetsChannels(const ov::Node& node, int depth = 0) {
  if (depth > kMaxDepth) return true;
  for (const ov::Input<ov::Node>& input : node.output(0).get_target_inputs()) {
    const ov::Node& next = *input.get_node();
    if (!IsElementwise(next) && !IsOnlyReshaped(next)) continue;
    for (size_t i = 0; IsElementwise(next) && i < next.get_input_size(); ++i) {
      if (i != input.get_index() && AreConstants(*next.get_input_node_ptr(i))) return true;
    }
    if (MeetsChannels(next, depth + 1)) return true;
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
    throw std::runtime_error(kind + " of three dimensions, and a constant for each channel after it");
}

// What is computed of constants only is so in the first run, and may be written over by it.
void CheckConstants(const ov::Model& model) {
  const std::shared_ptr<ov::Model> folded = model.clone();
  ov::pass::Manager manager;
  manager.register_pass<ov::pass::ConstantFolding>();
  manager.run_passes(folded);
  for (const std::shared_ptr<ov::Node>& node : folded->get_ordered_ops()) {
    const auto inputs = node->inputs();
    const bool has_other = std::any_of(inputs.begin(), inputs.end(), [](const ov::Input<ov::Node>& input) {
      return !ov::is_type<Constant>(input.get_source_output().get_node());
    });
    if (inputs.empty() || has_other || std::string_view(node->get_type_name()) == "Result") continue;
    throw std::runtime_error(std::string(node->get_type_name()) + " is computed of constants only");
  }
}

void AvoidIn(const ov::Model& model) {
  for (const std::shared_ptr<ov::Node>& node : model.get_ordered_ops()) {
    if (const auto reduction = ov::as_type_ptr<ReductionBase>(node)) CountAxesFromTheBegin(reduction);
    if (const auto norm = ov::as_type_ptr<ov::op::v5::BatchNormInference>(node)) TakeApart(norm);
    if (const auto nested = ov::as_type_ptr<ov::op::util::MultiSubGraphOp>(node)) {
      for (const std::shared_ptr<ov::Model>& body : nested->get_functions()) AvoidIn(*body);
    }
  }
  for (const std::shared_ptr<ov::Node>& node : model.get_ordered_ops()) CheckReduction(*node);
}

}  // namespace

void AvoidKnownFaults(ov::Model& model) {
  AvoidIn(model);
  CheckConstants(model);
  SeparateWeights(model);
}

}  // namespace modeld
