// Which of LibTorch's libraries runs quantized layers.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace modeld {

// For the whole process and for good, before the first model is loaded: layers are packed for the library
// that is set while they are loaded, and operators that are made of several look at which one is set when
// they run. Empty: LibTorch's own choice for this CPU. INVALID_ARGUMENT: there is none of that name here; the
// message lists those that are.
absl::Status UseQuantizedEngine(const std::string& name);

// The one that is in use; empty: it is LibTorch's own choice.
std::string OtherQuantizedEngine();

}  // namespace modeld
