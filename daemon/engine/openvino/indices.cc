#include "daemon/engine/openvino/indices.h"

#include <cstdint>
#include <memory>
#include <openvino/op/constant.hpp>
#include <openvino/op/util/gather_base.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <stdexcept>
#include <string>

namespace modeld {
namespace {

// Where LibTorch raises on an index that is beyond the end, OpenVINO takes what is there, or zero. Indices
// that are computed are limited elsewhere; the first and the last element are always there.
void CheckIndices(const ov::op::util::GatherBase& gather) {
  const auto indices = ov::as_type_ptr<ov::op::v0::Constant>(gather.get_input_node_shared_ptr(1));
  const auto axis = ov::as_type_ptr<ov::op::v0::Constant>(gather.get_input_node_shared_ptr(2));
  if (indices == nullptr || axis == nullptr) return;
  const ov::PartialShape shape = gather.get_input_partial_shape(0);
  ov::Dimension size;
  if (shape.rank().is_static()) {
    const int64_t position = axis->cast_vector<int64_t>().at(0);
    size = shape[position < 0 ? position + shape.rank().get_length() : position];
  }
  for (const int64_t index : indices->cast_vector<int64_t>()) {
    if (index == 0 || index == -1) continue;
    if (size.is_static() && index >= -size.get_length() && index < size.get_length()) continue;
    throw std::runtime_error("it takes element " + std::to_string(index) +
                             " of a dimension that may be smaller; declare its size");
  }
}

}  // namespace

void CheckIndices(const ov::Model& model) {
  for (const std::shared_ptr<ov::Node>& node : model.get_ordered_ops()) {
    if (const auto gather = ov::as_type_ptr<ov::op::util::GatherBase>(node)) CheckIndices(*gather);
    if (const auto nested = ov::as_type_ptr<ov::op::util::MultiSubGraphOp>(node)) {
      for (const std::shared_ptr<ov::Model>& body : nested->get_functions()) CheckIndices(*body);
    }
  }
}

}  // namespace modeld
