// Pieces that the definitions of the command line share.
#pragma once

#include <CLI/CLI.hpp>
#include <set>
#include <string>

#include "registry/cli/command_line.h"

namespace modeld {

// Groups of --help.
inline constexpr char kLook[] = "Look";
inline constexpr char kChange[] = "Change what is live";
inline constexpr char kRoute[] = "Route requests";
inline constexpr char kCare[] = "Care for the store";
inline constexpr char kUse[] = "Use";

// Text that goes into messages and into the history.
const CLI::Validator& OneLine();
// Without a description, for the help names the values in words.
CLI::Validator OneOf(std::set<std::string> values);

CLI::App* AddCommand(CLI::App& app, const char* group, Arguments& arguments, const std::string& name,
                     const std::string& help);
// Positional arguments are called by their kind, which completion goes by; a type beside it would say it
// twice.
CLI::Option* AddModel(CLI::App* command, Arguments& arguments);
CLI::Option* AddVersion(CLI::App* command, const std::string& name, Arguments& arguments,
                        const std::string& help);
CLI::Option* AddReason(CLI::App* command, Arguments& arguments);

// watch, diff and probe.
void DefineWatching(CLI::App& app, Arguments& arguments);
// push and wait.
void DefineDeploying(CLI::App& app, Arguments& arguments);
// label, canary and shadow.
void DefineRouting(CLI::App& app, Arguments& arguments);
// gc, verify, backup and restore (define_store.cc).
void DefineCaring(CLI::App& app, Arguments& arguments);
void DefineStamp(CLI::App& app, Arguments& arguments);

}  // namespace modeld
