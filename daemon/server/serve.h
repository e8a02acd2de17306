// Serve: the daemon's main thread, from the start to the exit status.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "daemon/server/server.h"
#include "daemon/server/signals.h"

namespace modeld {

// Obeys signals and talks with systemd until the daemon is stopped, and stops it: SIGTERM or SIGINT within
// `grace`, a second one at once, SIGHUP rescans. Also stops within `grace` once the engine cannot compute any
// more in this process. Returns the exit status, 0 after a signal and 1 otherwise, when everything is stopped
// and destroyed; where a model does not come back to be stopped, it ends the process with that status
// instead.
int Serve(std::unique_ptr<Server> server, Signals& signals, absl::Duration grace);

}  // namespace modeld
