// ErrnoStatus: an errno as an absl::Status.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace modeld {

// `<what>: <description of error>`, with the code that FileSystem promises for `error`. `what` says what was
// tried on which thing: `cannot open "/a/b"`.
absl::Status ErrnoStatus(int error, std::string_view what);

}  // namespace modeld
