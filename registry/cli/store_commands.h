// The commands of modelctl that care for the artifact store.
#pragma once

#include "absl/status/status.h"
#include "registry/cli/session.h"

namespace modeld {

absl::Status RunGc(Session& session);
// DATA_LOSS where something was found that is not repaired.
absl::Status RunVerify(Session& session);
absl::Status RunBackup(Session& session);
// Asks no daemon.
absl::Status RunRestore(Session& session);
// Asks no daemon.
absl::Status RunStamp(Session& session);

}  // namespace modeld
