// From a TorchScript graph to an OpenVINO model.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>

#include "daemon/engine/openvino/forward_graph.h"

namespace modeld {

// The graph as a model with the same inputs and outputs in the same order. Constants are shared with
// LibTorch. Throws ov::Exception where OpenVINO cannot convert it, and std::runtime_error where it takes an
// element by its position from a dimension that need not be so large. REQUIRES: it is eligible (see
// MakeEligible).
std::shared_ptr<ov::Model> ConvertGraph(const ForwardGraph& forward);

}  // namespace modeld
