// The command line of modelctl, by one definition: what is parsed, what --help says and what shells complete.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

// Of history and watch.
struct EventsArguments {
  int limit = 20;
  int64_t after_id = 0;
  bool evidence = false;
};

struct PushArguments {
  std::string file;
  std::string as;       // place below the drop directory; empty: see RelativePathFor
  std::string sidecar;  // path; empty: the one beside the file, if there is one
  bool wait = false;
};

// Of label, canary and shadow.
struct RoutingArguments {
  std::string label;
  double share = 0;  // in (0, 1]
  bool off = false;
};

// Of gc, verify, backup and restore.
struct CareArguments {
  int keep_last = 3;
  int64_t keep_younger_s = 0;
  bool apply = false;
  bool repair = false;
  std::string directory;        // of the backup
  std::string state_directory;  // to restore to
  bool force = false;
};

struct StampArguments {
  std::string file;
  std::string name;
  std::optional<std::string> description;
  std::string output;  // empty: in place
  bool force = false;
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
  bool timeout_given = false;

  std::string model;
  std::string version;        // of rollback: where to
  std::string other_version;  // of diff
  bool retune = false;        // of plans
  std::string reason;
  std::string shell;
  PredictArguments predict;
  EventsArguments events;
  PushArguments push;
  RoutingArguments routing;
  CareArguments care;
  StampArguments stamp;
  InspectArguments inspect;
};

inline constexpr char kDefaultSocket[] = "/run/modeld/admin.sock";

// Parsing with the result fills `arguments`, which outlives it.
std::shared_ptr<CLI::App> DefineCommandLine(Arguments& arguments);

}  // namespace modeld
