// The commands of modelctl that bring a version in and follow what becomes of it.
#pragma once

#include "absl/status/status.h"
#include "registry/cli/session.h"

namespace modeld {

// The exit status tells the version's fate where it is waited for, and that the file was refused.
absl::Status RunPush(Session& session);
absl::Status RunWait(Session& session);

}  // namespace modeld
