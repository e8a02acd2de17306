// Session: what a running command has at hand: whom to ask, and where to write.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "registry/base/clock.h"
#include "registry/cli/backend.h"
#include "registry/cli/command_line.h"
#include "registry/cli/render.h"

namespace modeld {

// The world around the process, so that tests choose it.
struct Environment {
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Of the process's environment.
  std::function<std::optional<std::string>(const char* name)> variable;
  // Who gives the command, for the history: a claim, not a proof.
  std::function<std::string()> actor;
  const Clock* clock = nullptr;
  std::function<absl::TimeZone()> zone;
  // For names that a shell completes: whoever pressed the key waits.
  absl::Duration completion_timeout;
};

// Whether the command changes the registry file where it works on that.
enum class Access { kRead, kChange };

// Not thread-safe. `arguments` and `environment` outlive it.
class Session {
 public:
  Session(const Arguments& arguments, const Environment& environment, Access access)
      : arguments_(arguments), environment_(environment), access_(access) {}

  const Arguments& arguments() const { return arguments_; }
  std::string actor() const { return environment_.actor(); }
  const Clock& clock() const { return *environment_.clock; }
  Look look() const;

  // Made at the first call.
  absl::StatusOr<Backend*> backend();

  // Writes the answer: `message` as JSON, or `text`.
  absl::Status Print(const google::protobuf::Message& message, const std::string& text);
  // As it is, and seen at once; the error where nobody reads any more.
  absl::Status WriteNow(const std::string& text);
  // In place of the progress before, where standard error is a terminal; empty: takes it away.
  void WriteProgress(const std::string& line) const;
  // What the program ends with, whatever the command returns; 0: goes by that.
  void set_exit_code(int exit_code) { exit_code_ = exit_code; }
  int exit_code() const { return exit_code_; }
  // As it is.
  void Write(const std::string& text) { *environment_.out << text; }

 private:
  const Arguments& arguments_;
  const Environment& environment_;
  const Access access_;
  std::unique_ptr<Backend> backend_;
  int exit_code_ = 0;
};

// The proto3 JSON form, with names as in the .proto files; on one line, or indented with a line's end.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, bool indented = false);

// The socket that `arguments` and `environment` name, as gRPC's target.
std::string SocketTarget(const Arguments& arguments, const Environment& environment);

}  // namespace modeld
