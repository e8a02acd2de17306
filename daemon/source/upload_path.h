// Where an uploaded file would lie in the drop directory. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace modeld {

// INVALID_ARGUMENT unless a file dropped at `path`, relative to the drop directory, would be looked at: one
// to three parts, none of them empty, a dot directory or work in progress, all printable and without
// backslashes, with a model's extension. The path is only ever read, never opened: it gives the name and
// version that the config does not.
absl::Status CheckUploadPath(const std::string& path);

}  // namespace modeld
