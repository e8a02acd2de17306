// Devices: where LibTorch computes.
#pragma once

#include <torch/script.h>

#include <string>

#include "absl/status/statusor.h"

namespace modeld {

// LoadRequest::device. UNIMPLEMENTED where this LibTorch, or this machine, does not have it: it says what
// there is.
absl::StatusOr<at::Device> FindDevice(const std::string& name);

}  // namespace modeld
