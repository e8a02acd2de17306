#include "registry/cli/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr char kBashScript[] = R"script(# Completion of modelctl for bash: source <(modelctl completion bash)
_modelctl() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then
      compopt -o default 2>/dev/null
      COMPREPLY=()
      return
    fi
    COMPREPLY+=("$line")
  done < <("$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _modelctl modelctl
)script";

constexpr char kZshScript[] = R"script(#compdef modelctl
# Completion of modelctl for zsh: source <(modelctl completion zsh), or as _modelctl in a directory of $fpath
_modelctl() {
  local -a candidates
  candidates=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=(${candidates:#})
  if [[ "${candidates[1]}" == ":files" ]]; then
    _files
  elif (( ${#candidates} )); then
    compadd -- "${candidates[@]}"
  fi
}
if [[ "${funcstack[1]}" == "_modelctl" ]]; then
  _modelctl "$@"
else
  compdef _modelctl modelctl
fi
)script";

constexpr char kFishScript[] = R"script(# Completion of modelctl for fish: modelctl completion fish | source
function __modelctl_candidates
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    test (count $current) -eq 0; and set current ''
    set -l candidates ($before[1] __complete $before[2..-1] $current 2>/dev/null)
    if test "$candidates[1]" = ':files'
        __fish_complete_path $current
    else
        printf '%s\n' $candidates
    end
end
complete -c modelctl -f -a '(__modelctl_candidates)'
)script";

const std::set<std::string>& FileKinds() {
  static const std::set<std::string> kKinds = {"PATH", "FILE", "DIR", "RELATIVE/PATH"};
  return kKinds;
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// The option called `word` ("--reason", "-o") of `command` or, since those may stand anywhere, of the
// program.
const CLI::Option* FindOption(const CLI::App& app, const CLI::App* command, const std::string& word) {
  if (command != nullptr) {
    if (const CLI::Option* option = command->get_option_no_throw(word)) return option;
  }
  return app.get_option_no_throw(word);
}

std::vector<const CLI::App*> Subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

const CLI::App* FindSubcommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : Subcommands(app)) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

// Walks over complete words.
struct Walker {
  const CLI::App& app;
  const CLI::App* command = nullptr;
  const CLI::Option* pending = nullptr;  // waits for its value
  CompletionPoint point;

  void Take(const std::string& word) {
    if (pending != nullptr) {
      if (word == "=") return;  // bash makes it a word of its own
      point.options[pending->get_lnames().front()] = word;
      pending = nullptr;
    } else if (absl::StartsWith(word, "-")) {
      const size_t equals = word.find('=');
      const CLI::Option* const option = FindOption(app, command, word.substr(0, equals));
      if (option == nullptr || !TakesValue(*option)) return;
      if (equals == std::string::npos) {
        pending = option;
      } else {
        point.options[option->get_lnames().front()] = word.substr(equals + 1);
      }
    } else if (command == nullptr) {
      command = FindSubcommand(app, word);
      if (command != nullptr) point.command = word;
    } else {
      point.positionals.push_back(word);
    }
  }
};

std::vector<std::string> ValuesOf(const std::string& kind, const CompletionPoint& point,
                                  const NamesFn& names) {
  if (FileKinds().count(kind) > 0) return {kCompleteFiles};
  if (kind == "FORMAT") return {"json", "table"};
  if (kind == "SHELL") return {"bash", "fish", "zsh"};
  if (kind == "MODEL" || kind == "VERSION" || kind == "LABEL") return names(kind, point);
  if (kind == "VERSION2") return names("VERSION", point);
  return {};
}

void AppendOptionNames(const CLI::App& app, std::vector<std::string>* out) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out->push_back("--" + name);
  }
}

// What may follow as a positional argument.
std::vector<std::string> Positionals(const Walker& walker, const NamesFn& names) {
  if (walker.command == nullptr) {
    std::vector<std::string> commands;
    for (const CLI::App* command : Subcommands(walker.app)) {
      commands.push_back(command->get_name());
    }
    return commands;
  }
  size_t position = 0;
  for (const CLI::Option* option : walker.command->get_options()) {
    if (!option->get_positional()) continue;
    const bool last = option->get_items_expected_max() > 1;
    if (last || position == walker.point.positionals.size()) {
      return ValuesOf(option->get_name(), walker.point, names);
    }
    ++position;
  }
  return {};
}

}  // namespace

std::string CompletionScript(const std::string& shell) {
  if (shell == "bash") return kBashScript;
  return shell == "zsh" ? kZshScript : kFishScript;
}

std::vector<std::string> Complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const NamesFn& names) {
  Walker walker{.app = app, .command = nullptr, .pending = nullptr, .point = {}};
  for (size_t i = 0; i + 1 < words.size(); ++i) walker.Take(words[i]);
  std::string current = words.empty() ? "" : words.back();

  std::vector<std::string> candidates;
  if (walker.pending != nullptr) {
    if (current == "=") current.clear();
    candidates = ValuesOf(walker.pending->get_type_name(), walker.point, names);
  } else if (absl::StartsWith(current, "-")) {
    if (walker.command != nullptr) AppendOptionNames(*walker.command, &candidates);
    AppendOptionNames(app, &candidates);
  } else {
    candidates = Positionals(walker, names);
  }
  if (candidates == std::vector<std::string>{kCompleteFiles}) return candidates;
  std::erase_if(candidates,
                [&](const std::string& candidate) { return !absl::StartsWith(candidate, current); });
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

}  // namespace modeld
