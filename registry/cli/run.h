// modelctl, as a function: everything but the process around it.
#pragma once

#include "absl/status/status.h"
#include "registry/cli/session.h"

namespace modeld {

// The exit status that tells of `status`; modelctl(1) has the table.
int ExitCodeOf(const absl::Status& status);

// Parses the command line, runs the command and returns the exit status. Answers go to `environment.out`.
// Errors go to `environment.err`: `modelctl: <message>`, or with -o json {"error": {"code": …, "message":
// …}}.
int RunModelctl(int argc, const char* const* argv, const Environment& environment);

}  // namespace modeld
