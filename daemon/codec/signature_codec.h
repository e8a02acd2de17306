// From a method's signature to the API's message. Pure function.
#pragma once

#include <vector>

#include "daemon/engine/signature.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// A method as Predict takes it; with what the config declares, if that is given (for `forward`).
void ToWire(const Method& method, const std::vector<DeclaredTensor>& inputs,
            const std::vector<DeclaredTensor>& outputs, v1::MethodSignature* wire);

}  // namespace modeld
