// What LibTorch throws, as a Status.
#pragma once

#include "absl/status/status.h"

namespace modeld {

// Call it in a catch block: the exception in flight as a Status with the given code, or RESOURCE_EXHAUSTED
// where memory ran out. The message is the model's own (Python's exception type and message, with the
// innermost source line), not the interpreter's frames and no C++ backtrace.
absl::Status StatusFromException(absl::StatusCode code);

// The same for what was thrown while a file was loaded: INVALID_ARGUMENT, or UNIMPLEMENTED, with the remedy,
// for an operator that this process does not have.
absl::Status LoadStatusFromException();

}  // namespace modeld
