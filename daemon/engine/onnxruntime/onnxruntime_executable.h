// An ONNX graph in memory.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/engine/engine.h"

namespace modeld {

// INVALID_ARGUMENT if an input or output of the graph is of a type that cannot be passed or returned; the
// message names it. Throws what ONNX Runtime throws.
absl::StatusOr<std::unique_ptr<Executable>> NewOnnxruntimeExecutable(std::shared_ptr<Ort::Env> environment,
                                                                     Ort::Session session);

}  // namespace modeld
