// Incomplete: the error of a file that is not all there (yet), told apart from a disk that does not answer.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace modeld {

// UNAVAILABLE, marked so that IsIncomplete knows it.
absl::Status IncompleteError(std::string_view message);

// True for IncompleteError; false for any other error, UNAVAILABLE or not.
bool IsIncomplete(const absl::Status& status);

}  // namespace modeld
