// What ONNX Runtime throws, as a Status.
#pragma once

#include "absl/status/status.h"

namespace modeld {

// Call it in a catch block: the exception in flight as a Status with the given code, or RESOURCE_EXHAUSTED
// where memory ran out. The message is what the library says of the model, in one line, without the places in
// the library's own source.
absl::Status StatusFromOnnxruntime(absl::StatusCode code);

}  // namespace modeld
