#include "daemon/engine/openvino/shape_check.h"

#include <map>
#include <openvino/op/constant.hpp>
#include <openvino/op/parameter.hpp>
#include <utility>

namespace modeld {
namespace {

// Constants that may decide on a shape are small, and of integers.
constexpr size_t kLargeElements = 64;
// Callers who send ever other shapes are not remembered for ever.
constexpr size_t kMostRemembered = 4096;

// A parameter of the same type and shape in place of each weight.
std::shared_ptr<ov::Model> WithoutWeights(const ov::Model& model) {
  std::shared_ptr<ov::Model> copy = model.clone();
  ov::ParameterVector weights;
  for (const std::shared_ptr<ov::Node>& node : copy->get_ops()) {
    const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node);
    if (constant == nullptr || !constant->get_element_type().is_real()) continue;
    if (ov::shape_size(constant->get_shape()) < kLargeElements) continue;
    weights.push_back(
        std::make_shared<ov::op::v0::Parameter>(constant->get_element_type(), constant->get_shape()));
    ov::replace_node(constant, weights.back());
  }
  copy->add_parameters(weights);
  return copy;
}

}  // namespace

ShapeCheck::ShapeCheck(const ov::Model& model) : model_(WithoutWeights(model)) {}

void ShapeCheck::Check(const std::vector<const Tensor*>& inputs) {
  Shapes shapes;
  shapes.reserve(inputs.size());
  for (const Tensor* const input : inputs) shapes.push_back(input->shape);
  MutexLock lock(&mutex_);
  if (taken_.contains(shapes)) return;
  std::map<size_t, ov::PartialShape> wanted;
  for (size_t i = 0; i < shapes.size(); ++i) {
    wanted[i] = ov::PartialShape(ov::Shape(shapes[i].begin(), shapes[i].end()));
  }
  model_->reshape(wanted);
  if (taken_.size() >= kMostRemembered) taken_.clear();
  taken_.insert(std::move(shapes));
}

}  // namespace modeld
