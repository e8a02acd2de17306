#include "daemon/engine/openvino/shape_check.h"

#include <exception>
#include <new>
#include <openvino/op/constant.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <stdexcept>
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

// Tensors without elements come out as what lay there before, and sizes that numbers decide on are not known
// here.
void CheckSizes(const ov::Model& model, bool is_branch = false) {
  for (const std::shared_ptr<ov::Node>& node : model.get_ordered_ops()) {
    for (const ov::Output<ov::Node>& output : node->outputs()) {
      const ov::PartialShape& shape = output.get_partial_shape();
      if (shape.is_dynamic() && is_branch) continue;  // it is not the one that is taken
      if (shape.is_dynamic()) throw std::runtime_error("the size of a tensor is not known beforehand");
      // Shapes themselves, of scalars, are lists without elements.
      if (!output.get_element_type().is_real()) continue;
      if (ov::shape_size(shape.to_shape()) == 0) throw std::runtime_error("a tensor has no elements");
    }
    if (const auto nested = ov::as_type_ptr<ov::op::util::MultiSubGraphOp>(node)) {
      for (const std::shared_ptr<ov::Model>& body : nested->get_functions())
        CheckSizes(*body, /*is_branch=*/true);
    }
  }
}

}  // namespace

ShapeCheck::ShapeCheck(const ov::Model& model) : model_(WithoutWeights(model)) {}

void ShapeCheck::Check(const std::vector<const Tensor*>& inputs) {
  Shapes shapes;
  shapes.reserve(inputs.size());
  for (const Tensor* const input : inputs) shapes.push_back(input->shape);
  MutexLock lock(&mutex_);
  auto found = refusals_.find(shapes);
  if (found == refusals_.end()) {
    std::optional<std::string> refusal = Refusal(shapes);
    if (refusals_.size() >= kMostRemembered) refusals_.clear();
    found = refusals_.emplace(std::move(shapes), std::move(refusal)).first;
  }
  if (found->second) throw std::runtime_error(*found->second);
}

std::optional<std::string> ShapeCheck::Refusal(const Shapes& shapes) {
  std::map<size_t, ov::PartialShape> wanted;
  for (size_t i = 0; i < shapes.size(); ++i) {
    wanted[i] = ov::PartialShape(ov::Shape(shapes[i].begin(), shapes[i].end()));
  }
  try {
    model_->reshape(wanted);
    CheckSizes(*model_);
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    throw;  // another time it may
  } catch (const std::exception& why) {
    return why.what();
  }
}

}  // namespace modeld
