#include "daemon/engine/openvino/weights.h"

#include <memory>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/gather.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <string>
#include <unordered_map>

namespace modeld {
namespace {

using ov::op::v0::Constant;

// Two inputs of the same use take a weight in the same layout. Of what is not known to, each is a use of its
// own.
std::string UseOf(const ov::Input<ov::Node>& input) {
  const ov::Node& node = *input.get_node();
  std::string use = node.get_type_name() + std::to_string(input.get_index()) + input.get_shape().to_string();
  if (const auto* const product = ov::as_type<const ov::op::v0::MatMul>(&node))
    return use + (product->get_transpose_a() ? "t" : "n") + (product->get_transpose_b() ? "t" : "n");
  if (ov::is_type<ov::op::v1::Convolution>(&node)) return use;
  return use + node.get_name();
}

// A table is read where it lies.
bool IsTable(const ov::Input<ov::Node>& input) {
  return input.get_index() == 0 && ov::is_type<ov::op::util::GatherBase>(input.get_node());
}

class Separator {
 public:
  void Separate(const ov::Model& model) {
    for (const std::shared_ptr<ov::Node>& node : model.get_ordered_ops()) {
      if (const auto constant = ov::as_type_ptr<Constant>(node)) Separate(constant);
      if (const auto nested = ov::as_type_ptr<ov::op::util::MultiSubGraphOp>(node)) {
        for (const std::shared_ptr<ov::Model>& body : nested->get_functions()) Separate(*body);
      }
    }
  }

 private:
  void Separate(const std::shared_ptr<Constant>& constant) {
    if (!constant->get_element_type().is_real() || ov::shape_size(constant->get_shape()) <= 1) return;
    auto& by_use = weights_[constant->get_data_ptr()];
    for (ov::Input<ov::Node> input : constant->output(0).get_target_inputs()) {
      if (IsTable(input)) continue;
      std::shared_ptr<Constant>& own = by_use[UseOf(input)];
      if (own == nullptr) {
        own = by_use.size() == 1
                  ? constant
                  : std::make_shared<Constant>(constant->get_element_type(), constant->get_shape(),
                                               constant->get_data_ptr());
      }
      if (own != constant) input.replace_source_output(own);
    }
  }

  // By address, and by what they are used for.
  std::unordered_map<const void*, std::unordered_map<std::string, std::shared_ptr<Constant>>> weights_;
};

}  // namespace

void SeparateWeights(ov::Model& model) { Separator().Separate(model); }

}  // namespace modeld
