// The commands of modelctl.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "registry/cli/session.h"

namespace modeld {

struct CliCommand {
  const char* name;
  absl::Status (*run)(Session& session);
  Access access = Access::kRead;
  // What it works with beside the administrative socket.
  bool public_listener = false;
  bool registry_file = false;
  // It takes as long as it takes, unless --timeout is given.
  bool patient = false;
};

// By the name that DefineCommandLine knows it by; null where there is none.
const CliCommand* FindCommand(const std::string& name);

}  // namespace modeld
