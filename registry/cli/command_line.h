// The command line of modelctl, by one definition: what is parsed, what --help says and what shells complete.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "registry/cli/inspect_command.h"

namespace CLI {
class App;
}

namespace modeld {

struct PredictArguments {
  std::vector<std::string> inputs;  // NAME=VALUE
  std::string label;
  std::string method;
};

// All that a command line can say.
struct Arguments {
  std::string command;  // "models", "rollback", …

  // Whom to ask; at most one is given. None: MODELD_SOCKET, else kDefaultSocket.
  std::string socket;
  std::string address;
  std::string database;

  bool json = false;
  absl::Duration timeout = absl::Seconds(30);

  std::string model;
  std::string version;  // of rollback: where to
  std::string reason;
  int limit = 20;  // of history
  std::string shell;
  PredictArguments predict;
  InspectArguments inspect;
};

inline constexpr char kDefaultSocket[] = "/run/modeld/admin.sock";

// Parsing with the result fills `arguments`, which outlives it.
std::shared_ptr<CLI::App> DefineCommandLine(Arguments& arguments);

}  // namespace modeld
