#include "registry/cli/define.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "registry/base/quote.h"
#include "registry/routing.h"

namespace modeld {
namespace {

// "5", "5%", "0.5 %": a share.
void ParsePercent(const std::string& text, double* share) {
  absl::string_view number = text;
  absl::ConsumeSuffix(&number, "%");
  double percent = 0;
  if (absl::SimpleAtod(number, &percent) && ValidateShare(percent / 100).ok()) {
    *share = percent / 100;
    return;
  }
  throw CLI::ValidationError("PERCENT", "expected more than 0 and at most 100, got " + Quote(text, 60));
}

// Says so where the command line tells neither where to go nor that it is over, or both.
void CheckTarget(const Arguments& arguments, bool with_share) {
  const RoutingArguments& routing = arguments.routing;
  const bool whole = !arguments.version.empty() && (!with_share || routing.share > 0);
  const bool nothing = arguments.version.empty() && routing.share == 0;
  if (routing.off ? nothing : whole) return;
  throw CLI::ValidationError(arguments.command, with_share
                                                    ? "expected a VERSION and a PERCENT, or --off alone"
                                                    : "expected a VERSION, or --remove alone");
}

void DefineShare(CLI::App& app, Arguments& arguments, const char* name, const char* help, const char* off) {
  CLI::App* const command = AddCommand(app, kRoute, arguments, name, help);
  AddModel(command, arguments)->required();
  AddVersion(command, "VERSION", arguments, "The version");
  command
      ->add_option_function<std::string>(
          "PERCENT", [&arguments](const std::string& text) { ParsePercent(text, &arguments.routing.share); },
          "Of the unnamed requests: 5, 0.5 or 5%")
      ->type_name("");
  command->add_flag("--off", arguments.routing.off, off);
  command->callback([&arguments, name = std::string(name)] {
    arguments.command = name;
    CheckTarget(arguments, /*with_share=*/true);
  });
  AddReason(command, arguments);
}

}  // namespace

const CLI::Validator& OneLine() {
  static const CLI::Validator validator(
      [](std::string& text) {
        return IsPrintable(text) ? std::string() : "expected one line of UTF-8, got " + Quote(text, 60);
      },
      "", "one line");
  return validator;
}

CLI::Validator OneOf(std::set<std::string> values) {
  return CLI::IsMember(std::move(values)).description("");
}

CLI::App* AddCommand(CLI::App& app, const char* group, Arguments& arguments, const std::string& name,
                     const std::string& help) {
  CLI::App* const command = app.add_subcommand(name, help);
  command->group(group)->fallthrough();
  command->callback([&arguments, name] { arguments.command = name; });
  return command;
}

CLI::Option* AddModel(CLI::App* command, Arguments& arguments) {
  return command->add_option("MODEL", arguments.model, "The model's name")->type_name("")->check(OneLine());
}

CLI::Option* AddVersion(CLI::App* command, const std::string& name, Arguments& arguments,
                        const std::string& help) {
  return command->add_option(name, arguments.version, help)
      ->type_name(name[0] == '-' ? "VERSION" : "")
      ->check(OneLine());
}

CLI::Option* AddReason(CLI::App* command, Arguments& arguments) {
  return command->add_option("--reason", arguments.reason, "Why; kept in the history")
      ->type_name("TEXT")
      ->check(OneLine());
}

void DefineWatching(CLI::App& app, Arguments& arguments) {
  CLI::App* const watch =
      AddCommand(app, kLook, arguments, "watch", "Print decisions as they are made, until interrupted");
  AddModel(watch, arguments);
  watch->add_option("--after", arguments.events.after_id, "Begin after the event with this id")
      ->type_name("ID")
      ->check(CLI::NonNegativeNumber);
  watch->add_flag("--evidence", arguments.events.evidence, "Show what each decision rests on");

  CLI::App* const diff = AddCommand(app, kLook, arguments, "diff", "Tell how two versions differ");
  AddModel(diff, arguments)->required();
  AddVersion(diff, "VERSION", arguments, "The one version")->required();
  diff->add_option("VERSION2", arguments.other_version, "The other version")
      ->type_name("")
      ->required()
      ->check(OneLine());

  CLI::App* const probe =
      AddCommand(app, kLook, arguments, "probe", "Tell what a version's last probe found");
  AddModel(probe, arguments)->required();
  AddVersion(probe, "VERSION", arguments, "The version")->required();

  CLI::App* const plans =
      AddCommand(app, kLook, arguments, "plans", "Compare the ways to run a version that its probe tried");
  AddModel(plans, arguments)->required();
  AddVersion(plans, "VERSION", arguments, "The version; default: the live one");
  plans->add_flag("--retune", arguments.retune, "Try them all again on this machine first");
}

void DefineDeploying(CLI::App& app, Arguments& arguments) {
  CLI::App* const push =
      AddCommand(app, kUse, arguments, "push", "Upload an artifact; it is taken as if it had been dropped");
  push->add_option("FILE", arguments.push.file, "The model file")->type_name("")->required();
  push->add_option("--as", arguments.push.as, "Take it to lie here below the drop directory")
      ->type_name("RELATIVE/PATH");
  push->add_option("--config", arguments.push.sidecar,
                   "Its config, for an artifact that carries none [FILE.config.json, if that is there]")
      ->type_name("PATH");
  push->add_flag("--wait", arguments.push.wait, "Wait until the version is live or refused");

  CLI::App* const wait =
      AddCommand(app, kUse, arguments, "wait", "Wait until a version is live, refused or kept from live");
  AddModel(wait, arguments)->required();
  AddVersion(wait, "VERSION", arguments, "The version, which need not be there yet")->required();
}

void DefineRouting(CLI::App& app, Arguments& arguments) {
  CLI::App* const label =
      AddCommand(app, kRoute, arguments, "label", "Point a label at a version, or take it away");
  AddModel(label, arguments)->required();
  label->add_option("LABEL", arguments.routing.label, "The label")
      ->type_name("")
      ->required()
      ->check(OneLine());
  AddVersion(label, "VERSION", arguments, "The version");
  label->add_flag("--remove", arguments.routing.off, "Take the label away");
  label->callback([&arguments] {
    arguments.command = "label";
    CheckTarget(arguments, /*with_share=*/false);
  });
  AddReason(label, arguments);

  DefineShare(app, arguments, "canary", "Let a version answer a share of the unnamed requests",
              "Let live answer all of them again");
  DefineShare(app, arguments, "shadow", "Compare a version's answers to copies of a share of the requests",
              "Compare no longer");
}

}  // namespace modeld
