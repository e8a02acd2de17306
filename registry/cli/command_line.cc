#include "registry/cli/command_line.h"

#include <CLI/CLI.hpp>

#include "absl/strings/numbers.h"
#include "registry/base/quote.h"
#include "registry/cli/define.h"

namespace modeld {
namespace {

constexpr int kMostEvents = 1'000'000;

constexpr char kFooter[] = R"(Exit status:
  0  done
  1  failed: the daemon said no, or the file would be refused
  2  wrong usage
  3  no such model, version, label or file
  4  no daemon answers
  5  no answer in time, or the version was not live in time
  6  the file or version was refused (push, wait)
  7  the version is good, but kept from live (push --wait, wait)

Environment:
  MODELD_SOCKET  the daemon's administrative socket, where --socket is not given
  NO_COLOR       set: no colours

Full account: modelctl(1))";

// "30", "1.5" (seconds), "500ms", "2m".
void ParseTimeout(const std::string& text, Arguments& arguments) {
  double seconds = 0;
  const bool number = absl::SimpleAtod(text, &seconds);
  if (number) arguments.timeout = absl::Seconds(seconds);
  if ((!number && !absl::ParseDuration(text, &arguments.timeout)) ||
      !(arguments.timeout > absl::ZeroDuration())) {
    throw CLI::ValidationError("--timeout",
                               "expected a duration such as 30, 500ms or 2m, got " + Quote(text, 60));
  }
  arguments.timeout_given = true;
}

void DefineGlobalOptions(CLI::App& app, Arguments& arguments) {
  CLI::Option* const socket =
      app.add_option("--socket", arguments.socket,
                     "Ask the daemon over its administrative socket [$MODELD_SOCKET, else " +
                         std::string(kDefaultSocket) + "]")
          ->type_name("PATH");
  CLI::Option* const address =
      app.add_option("--address", arguments.address,
                     "Ask the daemon over its public listener: models, versions and predict only")
          ->type_name("HOST:PORT")
          ->check(OneLine())
          ->excludes(socket);
  app.add_option("--db", arguments.database, "Work on this registry file, while the daemon is down")
      ->type_name("PATH")
      ->excludes(socket)
      ->excludes(address);
  app.add_option_function<std::string>(
         "-o,--output", [&arguments](const std::string& format) { arguments.json = format == "json"; },
         "How to answer: table (for people) or json (for programs) [table]")
      ->type_name("FORMAT")
      ->check(OneOf({"json", "table"}));
  app.add_option_function<std::string>(
         "--timeout", [&arguments](const std::string& text) { ParseTimeout(text, arguments); },
         "How long to wait for the answer: seconds, or with a unit: 500ms, 2m [30; push, wait, watch and "
         "care for the store: no limit]")
      ->type_name("DURATION");
}

void DefineLooking(CLI::App& app, Arguments& arguments) {
  AddCommand(app, kLook, arguments, "models", "List the models, and dropped files that are not registered");
  AddModel(AddCommand(app, kLook, arguments, "versions", "List a model's versions"), arguments)->required();
  CLI::App* const history = AddCommand(app, kLook, arguments, "history", "List decisions, newest first");
  AddModel(history, arguments);
  history->add_option("--limit", arguments.events.limit, "How many to list")
      ->type_name("N")
      ->check(CLI::Range(1, kMostEvents))
      ->capture_default_str();
  history->add_flag("--evidence", arguments.events.evidence, "Show what each decision rests on");
  DefineWatching(app, arguments);
  AddCommand(app, kLook, arguments, "status", "Tell the daemon's condition");

  CLI::App* const inspect =
      AddCommand(app, kLook, arguments, "inspect", "Tell what artifacts say of themselves; needs no daemon");
  inspect->add_option("FILE", arguments.inspect.files, "Model files")->type_name("")->required();
  inspect->add_option("--as", arguments.inspect.as, "Take the file to lie here below the drop directory")
      ->type_name("RELATIVE/PATH");
  inspect
      ->add_option("--drop-directory", arguments.inspect.drop_directory,
                   "The files lie in this drop directory")
      ->type_name("DIR");
  inspect->add_flag("--sha256", arguments.inspect.sha256, "Hash the file as well");
  inspect->add_flag("--strict-config", arguments.inspect.strict_config,
                    "Refuse unknown top-level keys, as modeld --strict-config does");
}

void DefineChanging(CLI::App& app, Arguments& arguments) {
  CLI::App* const rollback = AddCommand(app, kChange, arguments, "rollback",
                                        "Make the version that was live before live again, and pin it");
  AddModel(rollback, arguments)->required();
  AddVersion(rollback, "--to", arguments, "Go back to this version instead");
  AddReason(rollback, arguments)->required();

  CLI::App* const promote = AddCommand(app, kChange, arguments, "promote",
                                       "Make a version live; pin it unless it is the highest good one");
  AddModel(promote, arguments)->required();
  AddVersion(promote, "VERSION", arguments, "The version")->required();
  AddReason(promote, arguments);

  CLI::App* const pin = AddCommand(app, kChange, arguments, "pin",
                                   "Make a version live and keep it, whatever is dropped later");
  AddModel(pin, arguments)->required();
  AddVersion(pin, "VERSION", arguments, "The version; without it: the live one");
  AddReason(pin, arguments);

  CLI::App* const unpin =
      AddCommand(app, kChange, arguments, "unpin", "Let live follow the highest good version again");
  AddModel(unpin, arguments)->required();
  AddReason(unpin, arguments);

  CLI::App* const retire =
      AddCommand(app, kChange, arguments, "retire", "Withdraw a version: never served again until promoted");
  AddModel(retire, arguments)->required();
  AddVersion(retire, "VERSION", arguments, "The version")->required();
  AddReason(retire, arguments);
}

void DefineUsing(CLI::App& app, Arguments& arguments) {
  CLI::App* const predict = AddCommand(app, kUse, arguments, "predict", "Run a model");
  AddModel(predict, arguments)->required();
  predict
      ->add_option("INPUT", arguments.predict.inputs,
                   "NAME=VALUE, NAME=@FILE.npy, NAME=@FILE.json or NAME=@IMAGE; the model's signature says "
                   "of what type")
      ->type_name("");
  CLI::Option* const version =
      AddVersion(predict, "--version", arguments, "Ask this version instead of live");
  predict->add_option("--label", arguments.predict.label, "Ask the version with this label")
      ->type_name("LABEL")
      ->check(OneLine())
      ->excludes(version);
  predict->add_option("--method", arguments.predict.method, "Call this method instead of forward")
      ->type_name("NAME")
      ->check(OneLine());

  DefineDeploying(app, arguments);
  DefineStamp(app, arguments);
  AddCommand(app, kUse, arguments, "rescan", "Scan the drop directory now");
  CLI::App* const completion = AddCommand(app, kUse, arguments, "completion",
                                          "Print a completion script: source <(modelctl completion bash)");
  completion->add_option("SHELL", arguments.shell, "bash, zsh or fish")
      ->type_name("")
      ->required()
      ->check(OneOf({"bash", "fish", "zsh"}));
}

}  // namespace

std::shared_ptr<CLI::App> DefineCommandLine(Arguments& arguments) {
  auto app = std::make_shared<CLI::App>("Look at, change and use the models that a modeld daemon serves.",
                                        "modelctl");
  app->set_version_flag("--version", "modelctl " MODELD_VERSION);
  app->footer(kFooter);
  app->require_subcommand(1);
  DefineGlobalOptions(*app, arguments);
  DefineLooking(*app, arguments);
  DefineChanging(*app, arguments);
  DefineRouting(*app, arguments);
  DefineCaring(*app, arguments);
  DefineUsing(*app, arguments);
  return app;
}

}  // namespace modeld
