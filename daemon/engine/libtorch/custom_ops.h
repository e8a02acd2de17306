// Libraries of custom operators, which models may use once they are loaded.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace modeld {

// Loads the shared libraries, in order and for good; their TORCH_LIBRARY registers what they hold. Before the
// first model is loaded: one that uses an operator which is not there is refused. INVALID_ARGUMENT names the
// first that cannot be loaded, and why.
absl::Status LoadCustomOps(const std::vector<std::string>& libraries);

}  // namespace modeld
