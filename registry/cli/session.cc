#include "registry/cli/session.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"
#include "registry/cli/local.h"
#include "registry/cli/remote.h"

namespace modeld {

std::string SocketTarget(const Arguments& arguments, const Environment& environment) {
  if (!arguments.socket.empty()) return absl::StrCat("unix:", arguments.socket);
  return absl::StrCat("unix:", environment.variable("MODELD_SOCKET").value_or(kDefaultSocket));
}

Look Session::look() const {
  const bool color = environment_.out_is_terminal && environment_.variable("NO_COLOR").value_or("").empty();
  return {.color = color, .zone = environment_.zone()};
}

absl::StatusOr<Backend*> Session::backend() {
  if (backend_ != nullptr) return backend_.get();
  if (!arguments_.database.empty()) {
    const Registry::Mode mode =
        access_ == Access::kChange ? Registry::Mode::kReadWrite : Registry::Mode::kReadOnly;
    MODELD_ASSIGN_OR_RETURN(backend_, LocalBackend::Open(arguments_.database, mode, environment_.clock));
  } else {
    backend_ = std::make_unique<RemoteBackend>(
        arguments_.address.empty() ? SocketTarget(arguments_, environment_) : arguments_.address,
        arguments_.timeout);
  }
  return backend_.get();
}

absl::Status Session::Print(const google::protobuf::Message& message, const std::string& text) {
  if (!arguments_.json) {
    Write(text);
    return absl::OkStatus();
  }
  MODELD_ASSIGN_OR_RETURN(const std::string json, ToJson(message, /*indented=*/true));
  Write(json);
  return absl::OkStatus();
}

absl::Status Session::WriteNow(const std::string& text) {
  Write(text);
  if (environment_.out->flush()) return absl::OkStatus();
  return absl::UnknownError("cannot write the answer");
}

void Session::WriteProgress(const std::string& line) const {
  // Back to the line's begin, and the rest of what was there before away.
  if (environment_.err_is_terminal) *environment_.err << "\r" << line << "\x1b[K" << std::flush;
}

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const google::protobuf::util::Status status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return absl::InternalError(absl::StrCat("cannot write JSON: ", status.ToString()));
  return json;
}

}  // namespace modeld
