// Warm-up: the first calls of a version, made before any request.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"

namespace modeld {

// Calls `forward` three times for each batch size, on zeros of the declared shapes; a -1 that leads a shape
// is the batch size, any other is 1. Does nothing where an argument without default is not declared with
// dtype and shape. Returns a warning for each batch size that failed, with the shapes and the error.
std::vector<std::string> WarmUp(Executable& executable, const std::vector<DeclaredTensor>& inputs,
                                const std::vector<int64_t>& batch_sizes);

}  // namespace modeld
