// The commands of modelctl that look closer: at one version, at two, and at what happens.
#pragma once

#include "absl/status/status.h"
#include "registry/cli/session.h"

namespace modeld {

absl::Status RunHistory(Session& session);
absl::Status RunWatch(Session& session);
absl::Status RunDiff(Session& session);
absl::Status RunPlans(Session& session);
absl::Status RunProbe(Session& session);

}  // namespace modeld
