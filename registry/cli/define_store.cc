// gc, verify, backup, restore and stamp.
#include <cstdint>

#include "absl/strings/numbers.h"
#include "registry/base/quote.h"
#include "registry/cli/define.h"

namespace modeld {
namespace {

constexpr int kMostVersions = 1'000'000;

// "12h", "30d", "2w": whole seconds.
void ParseAge(const std::string& text, int64_t* seconds) {
  struct Unit {
    char name;
    int64_t seconds;
  };
  static constexpr Unit kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 7 * 86'400}};
  int64_t number = 0;
  for (const Unit& unit : kUnits) {
    if (text.empty() || text.back() != unit.name) continue;
    constexpr int64_t kMost = 100'000'000'000;  // three thousand years: nothing overflows
    if (!absl::SimpleAtoi(text.substr(0, text.size() - 1), &number) || number < 0) break;
    if (number > kMost / unit.seconds) break;
    *seconds = number * unit.seconds;
    return;
  }
  throw CLI::ValidationError("--keep-younger",
                             "expected a time such as 12h, 30d or 2w, got " + Quote(text, 60));
}

}  // namespace

void DefineCaring(CLI::App& app, Arguments& arguments) {
  CLI::App* const gc = AddCommand(app, kCare, arguments, "gc",
                                  "Say which old versions' artifacts would be removed, or remove them");
  AddModel(gc, arguments);
  gc->add_option("--keep", arguments.care.keep_last, "Keep the highest N versions of each model")
      ->type_name("N")
      ->check(CLI::Range(0, kMostVersions))
      ->capture_default_str();
  gc->add_option_function<std::string>(
        "--keep-younger",
        [&arguments](const std::string& text) { ParseAge(text, &arguments.care.keep_younger_s); },
        "Keep versions registered within this time: 12h, 30d, 2w")
      ->type_name("TIME");
  gc->add_flag("--apply", arguments.care.apply, "Do it");
  AddReason(gc, arguments);

  CLI::App* const verify = AddCommand(app, kCare, arguments, "verify",
                                      "Read every artifact and check its hash, and the registry file");
  verify->add_flag("--repair", arguments.care.repair,
                   "Remove orphans and damaged artifacts; quarantine what needs them, but for live versions");

  CLI::App* const backup =
      AddCommand(app, kCare, arguments, "backup",
                 "Copy the registry and its artifacts into a directory, while the daemon serves");
  backup->add_option("DIR", arguments.care.directory, "A new directory, or one of an earlier backup")
      ->type_name("")
      ->required();

  CLI::App* const restore =
      AddCommand(app, kCare, arguments, "restore", "Make a state directory from a backup; needs no daemon");
  restore->add_option("DIR", arguments.care.directory, "The backup's directory")->type_name("")->required();
  restore
      ->add_option("--state-directory", arguments.care.state_directory,
                   "Where to, for a daemon that does not run")
      ->type_name("DIR")
      ->required();
  restore->add_flag("--force", arguments.care.force, "Also where a registry is there: that is moved aside");
}

void DefineStamp(CLI::App& app, Arguments& arguments) {
  CLI::App* const stamp =
      AddCommand(app, kUse, arguments, "stamp", "Write name and version into a model file; needs no daemon");
  stamp->add_option("FILE", arguments.stamp.file, "The model file")->type_name("")->required();
  stamp->add_option("--name", arguments.stamp.name, "The model's name; without it: as it is")
      ->type_name("NAME")
      ->check(OneLine());
  AddVersion(stamp, "--version", arguments, "The version")->required()->type_name("TEXT");
  stamp
      ->add_option_function<std::string>(
          "--description", [&arguments](const std::string& text) { arguments.stamp.description = text; },
          "What it is; without it: as it is")
      ->type_name("TEXT")
      ->check(OneLine());
  stamp->add_option("--save-as", arguments.stamp.output, "Leave the file, and write another one")
      ->type_name("PATH");
  stamp->add_flag("--force", arguments.stamp.force,
                  "Also over another name or version, and over a file of --save-as that is there");
}

}  // namespace modeld
