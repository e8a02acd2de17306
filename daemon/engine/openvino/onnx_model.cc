#include "daemon/engine/openvino/onnx_model.h"

#include <fstream>
#include <istream>
#include <openvino/frontend/onnx/frontend.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <stdexcept>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/engine/openvino/indices.h"
#include "daemon/engine/openvino/known_faults.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

bool IsInteger(const ov::element::Type& type) {
  return type.is_integral_number() && type != ov::element::boolean;
}

absl::Status CheckNode(const ov::Node& node) {
  const std::string kind = node.get_type_name();
  if (absl::StrContains(kind, "Random") || kind == "ReadValue" || kind == "Assign" || kind == "Multinomial") {
    return absl::InvalidArgumentError(absl::StrCat(kind, " is random, or keeps a state"));
  }
  // See what is said of TorchScript's branches in Eligibility.
  if (kind == "If") return absl::InvalidArgumentError("If is not computed as by ONNX Runtime");
  bool takes_floats = false;
  for (const ov::Input<const ov::Node>& input : node.inputs()) {
    takes_floats = takes_floats || input.get_element_type().is_real();
  }
  for (const ov::Output<const ov::Node>& output : node.outputs()) {
    const ov::element::Type type = output.get_element_type();
    if (output.get_target_inputs().empty()) continue;  // of pooling: where the maxima are
    if (type == ov::element::f64) return absl::InvalidArgumentError(absl::StrCat(kind, " computes in FP64"));
    if (takes_floats && IsInteger(type) && !absl::StartsWith(kind, "ShapeOf")) {
      return absl::InvalidArgumentError(absl::StrCat(kind, " makes integers of other numbers"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNodes(const ov::Model& model) {
  for (const std::shared_ptr<ov::Node>& node : model.get_ordered_ops()) {
    MODELD_RETURN_IF_ERROR(CheckNode(*node));
    if (const auto nested = ov::as_type_ptr<ov::op::util::MultiSubGraphOp>(node)) {
      for (const std::shared_ptr<ov::Model>& body : nested->get_functions()) {
        MODELD_RETURN_IF_ERROR(CheckNodes(*body));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<GraphArgument> ArgumentOf(const ov::Output<const ov::Node>& input, const std::string& name) {
  if (input.get_names().count(name) == 0) {
    return absl::InvalidArgumentError(absl::StrCat("its input ", Quote(name), " is not where it was"));
  }
  if (input.get_element_type() != ov::element::f32) {
    return absl::InvalidArgumentError(absl::StrCat("its input ", Quote(name), " is ",
                                                   input.get_element_type().get_type_name(), ", not FP32"));
  }
  const ov::PartialShape shape = input.get_partial_shape();
  if (shape.rank().is_dynamic()) {
    return absl::InvalidArgumentError(absl::StrCat("the rank of its input ", Quote(name), " is open"));
  }
  GraphArgument argument{.is_tensor = true, .dtype = DType::kFp32, .shape = {}, .fixed = {}};
  for (const ov::Dimension& size : shape) {
    argument.shape.push_back(size.is_static() ? size.get_length() : -1);
  }
  return argument;
}

ReturnShape ReturnsOf(const Method& forward, size_t outputs) {
  ReturnShape returns;
  returns.kind = ReturnShape::Kind::kTuple;
  returns.names = forward.returns.field_names;
  for (size_t i = 0; i < outputs; ++i) {
    ReturnShape item;
    item.output = i;
    returns.items.push_back(std::move(item));
  }
  return returns;
}

}  // namespace

absl::StatusOr<OnnxModel> ReadOnnxModel(const std::string& path, const Method& forward) {
  std::ifstream file(path, std::ios::binary);
  std::istream* const stream = &file;  // as the frontend wants it
  ov::frontend::onnx::FrontEnd frontend;
  const ov::frontend::InputModel::Ptr input = frontend.load(stream);
  if (input == nullptr) throw std::runtime_error("OpenVINO's ONNX frontend does not take the file");
  OnnxModel result;
  result.model = frontend.convert(input);
  const std::shared_ptr<const ov::Model> model = result.model;
  if (model->inputs().size() != forward.arguments.size() ||
      model->outputs().size() != forward.returns.field_names.size()) {
    return absl::InvalidArgumentError("on OpenVINO it has other inputs or outputs");
  }
  if (forward.arguments.empty()) return absl::InvalidArgumentError("it takes no tensor");
  for (size_t i = 0; i < forward.arguments.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(result.forward.arguments.emplace_back(),
                            ArgumentOf(model->input(i), forward.arguments[i].name));
  }
  MODELD_RETURN_IF_ERROR(CheckNodes(*model));
  CheckIndices(*model);
  AvoidKnownFaults(result.model);
  result.forward.returns = ReturnsOf(forward, model->outputs().size());
  return result;
}

}  // namespace modeld
