// An ONNX file as an OpenVINO model.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/engine/openvino/forward_graph.h"
#include "daemon/engine/signature.h"

namespace modeld {

struct OnnxModel {
  std::shared_ptr<ov::Model> model;
  ForwardGraph forward;  // arguments and what is returned; the graph is none of TorchScript's
};

// Reads the file, of which `forward` is the signature. OpenVINO's operators are not proved one by one here,
// as they are for TorchScript: INVALID_ARGUMENT for what is known to come out otherwise on some inputs. That
// is where an input is not FP32 (integers are computed in 32 bits), where integers are made of such numbers,
// where something is computed in FP64, at random or with state, where an element is taken by its position
// from a dimension that need not be so large, and where an input's rank is open. Throws ov::Exception where
// OpenVINO does not read it.
absl::StatusOr<OnnxModel> ReadOnnxModel(const std::string& path, const Method& forward);

}  // namespace modeld
