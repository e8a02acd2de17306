// A hint in a RESOURCE_EXHAUSTED status: when there may be room again.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace modeld {

void SetRetryAfter(absl::Duration after, absl::Status& status);
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

}  // namespace modeld
