// Completion in shells: the scripts only hand the words to `modelctl __complete`, which answers from the
// definition of the command line, and for names of models and versions from the daemon.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace modeld {

// A script for `shell`: "bash", "zsh" or "fish".
std::string CompletionScript(const std::string& shell);

// What the words before the one being completed came to.
struct CompletionPoint {
  std::string command;                         // empty: none yet
  std::vector<std::string> positionals;        // of the command
  std::map<std::string, std::string> options;  // with a value, by long name: "socket"
};

// Names of a kind ("MODEL", "VERSION", "LABEL"), asked only where one is to be completed.
using NamesFn =
    std::function<std::vector<std::string>(const std::string& kind, const CompletionPoint& point)>;

// The line by which scripts are told to complete names of files.
inline constexpr char kCompleteFiles[] = ":files";

// Candidates for the last of `words` (which follow the program's name), or kCompleteFiles alone. Pure but for
// `names`.
std::vector<std::string> Complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const NamesFn& names);

}  // namespace modeld
