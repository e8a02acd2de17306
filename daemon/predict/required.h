// What a request has to name.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace modeld {

// INVALID_ARGUMENT where it is empty.
absl::Status RequireModel(const std::string& model);
absl::Status RequireVersion(const std::string& version);

}  // namespace modeld
