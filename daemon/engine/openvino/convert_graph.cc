#include "daemon/engine/openvino/convert_graph.h"

#include <openvino/frontend/pytorch/frontend.hpp>
#include <stdexcept>
#include <vector>

#include "daemon/engine/openvino/decoder.h"
#include "daemon/engine/openvino/indices.h"
#include "daemon/engine/openvino/known_faults.h"
#include "daemon/engine/openvino/ov_types.h"

namespace modeld {
std::shared_ptr<ov::Model> ConvertGraph(const ForwardGraph& forward) {
  ov::frontend::pytorch::FrontEnd frontend;
  // The frontend accepts the decoder under its base class only.
  const std::shared_ptr<ov::frontend::IDecoder> decoder = NewDecoder(forward.graph);
  const ov::frontend::InputModel::Ptr input = frontend.load(decoder);
  if (input == nullptr) throw std::runtime_error("OpenVINO's PyTorch frontend does not take the graph");
  std::shared_ptr<ov::Model> model = frontend.convert(input);
  if (model->inputs().size() != forward.graph->inputs().size() ||
      model->outputs().size() != forward.graph->outputs().size()) {
    throw std::runtime_error("the conversion has other inputs or outputs than the graph");
  }
  CheckIndices(*model);
  AvoidKnownFaults(model);
  return model;
}

}  // namespace modeld
