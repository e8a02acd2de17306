// Indices: elements that a model takes by their position.
#pragma once

#include <openvino/core/model.hpp>

namespace modeld {

// Throws std::runtime_error where an element is taken by a constant position from a dimension that need not
// be so large: LibTorch and ONNX Runtime raise there, OpenVINO goes on.
void CheckIndices(const ov::Model& model);

}  // namespace modeld
