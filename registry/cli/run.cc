#include "registry/cli/run.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/cli/commands.h"
#include "registry/cli/completion.h"
#include "registry/cli/exit_code.h"
#include "registry/cli/remote.h"
#include "registry/cli/table.h"

namespace modeld {
namespace {

constexpr char kComplete[] = "__complete";

// For a terminal, which control characters could steer: models raise what they like. Lines stay lines.
std::string PrintableLines(const std::string& text) {
  return absl::StrJoin(absl::StrSplit(text, '\n'), "\n", [](std::string* out, absl::string_view line) {
    out->append(Printable(std::string(line)));
  });
}

int UsageError(const std::string& message, const Environment& environment) {
  *environment.err << "modelctl: " << PrintableLines(message) << "\nSee modelctl --help\n";
  return kExitUsage;
}

// CLI11 says only that an argument was not expected.
std::string ParseErrorMessage(const CLI::App& app, const CLI::ParseError& error) {
  if (!app.get_subcommands().empty() || app.remaining_size() == 0) return error.what();
  const std::string word = app.remaining().front();
  if (!word.empty() && word.front() == '-') return absl::StrCat("unknown option ", Quote(word, 60));
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
  }
  return absl::StrCat("unknown command ", Quote(word, 60), DidYouMean(word, commands));
}

// Why `command` cannot be given to whom `arguments` name; empty: it can.
std::string WrongTarget(const CliCommand& command, const Arguments& arguments) {
  if (!arguments.address.empty() && !command.public_listener) {
    return absl::StrCat(command.name, " goes over the administrative socket; leave out --address");
  }
  if (!arguments.database.empty() && !command.registry_file) {
    return absl::StrCat(command.name, " needs the daemon; leave out --db");
  }
  return "";
}

// Without their flags, these only say what they would do.
bool OnlyLooks(const Arguments& arguments) {
  return (arguments.command == "gc" && !arguments.care.apply) ||
         (arguments.command == "verify" && !arguments.care.repair);
}

int Report(const absl::Status& status, const Arguments& arguments, const Environment& environment) {
  const std::string message(status.message());
  if (arguments.json) {
    const nlohmann::ordered_json json = {
        {"error", {{"code", absl::StatusCodeToString(status.code())}, {"message", message}}}};
    *environment.err << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    *environment.err << "modelctl: " << PrintableLines(message) << "\n";
  }
  return ExitCodeOf(status);
}

// Names for completion; none where the daemon does not answer.
std::vector<std::string> NamesFromDaemon(const std::string& kind, const CompletionPoint& point,
                                         const Environment& environment) {
  const auto option = [&](const char* name) {
    const auto found = point.options.find(name);
    return found == point.options.end() ? std::string() : found->second;
  };
  Arguments arguments;
  arguments.socket = option("socket");
  arguments.address = option("address");
  arguments.database = option("db");
  arguments.timeout = environment.completion_timeout;
  Session session(arguments, environment, Access::kRead);
  const absl::StatusOr<Backend*> backend = session.backend();
  if (!backend.ok()) return {};

  std::vector<std::string> names;
  if (kind == "MODEL") {
    const absl::StatusOr<v1::ListModelsResponse> models = (*backend)->ListModels();
    if (!models.ok()) return {};
    for (const v1::Model& model : models->models()) names.push_back(model.name());
  } else if (!point.positionals.empty()) {
    const absl::StatusOr<v1::GetModelResponse> model = (*backend)->GetModel(point.positionals.front());
    if (!model.ok()) return {};
    if (kind == "LABEL") {
      for (const auto& [label, version] : model->model().labels()) names.push_back(label);
    } else {
      for (const v1::Version& version : model->model().versions()) names.push_back(version.version());
    }
  }
  return names;
}

int RunComplete(const std::vector<std::string>& words, const Environment& environment) {
  Arguments unused;
  const NamesFn names = [&](const std::string& kind, const CompletionPoint& point) {
    return NamesFromDaemon(kind, point, environment);
  };
  for (const std::string& candidate : Complete(*DefineCommandLine(unused), words, names)) {
    *environment.out << candidate << "\n";
  }
  return kExitDone;
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimedOut;
    default:
      return kExitFailed;
  }
}

int RunModelctl(int argc, const char* const* argv, const Environment& environment) {
  if (argc > 1 && argv[1] == std::string(kComplete)) {
    return RunComplete(std::vector<std::string>(argv + 2, argv + argc), environment);
  }
  Arguments arguments;
  const std::shared_ptr<CLI::App> app = DefineCommandLine(arguments);
  try {
    app->parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app->exit(success, *environment.out, *environment.err);
  } catch (const CLI::ParseError& error) {
    return UsageError(ParseErrorMessage(*app, error), environment);
  }
  const CliCommand& command = *FindCommand(arguments.command);
  if (const std::string wrong = WrongTarget(command, arguments); !wrong.empty()) {
    return UsageError(wrong, environment);
  }
  if (command.patient && !arguments.timeout_given) arguments.timeout = absl::InfiniteDuration();
  Session session(arguments, environment, OnlyLooks(arguments) ? Access::kRead : command.access);
  const absl::Status status = command.run(session);
  const int exit_code = status.ok() ? kExitDone : Report(status, arguments, environment);
  return session.exit_code() != 0 ? session.exit_code() : exit_code;
}

}  // namespace modeld
