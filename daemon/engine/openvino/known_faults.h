// What OpenVINO is known to get wrong where operators follow upon each other.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>

namespace modeld {

// Changes the model so that it is computed as it says. Throws std::runtime_error, with the operator, where
// that is not possible.
void AvoidKnownFaults(const std::shared_ptr<ov::Model>& model);

}  // namespace modeld
