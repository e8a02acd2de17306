// The commands of modelctl that say where requests go beside to live.
#pragma once

#include "absl/status/status.h"
#include "registry/cli/session.h"

namespace modeld {

absl::Status RunLabel(Session& session);
absl::Status RunCanary(Session& session);
absl::Status RunShadow(Session& session);

}  // namespace modeld
