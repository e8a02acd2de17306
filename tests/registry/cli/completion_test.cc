#include "registry/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "registry/cli/command_line.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> CompleteWords(const std::vector<std::string>& words) {
  Arguments arguments;
  const auto names = [](const std::string& kind, const CompletionPoint& point) -> std::vector<std::string> {
    if (kind == "MODEL") return {"digits", "either-ink"};
    if (kind == "LABEL") return {"live", "previous", "stable"};
    if (point.positionals.empty()) return {};
    // Tells what is known of the place.
    std::vector<std::string> versions = {"1.0", "1.1", "of-" + point.positionals.front()};
    if (const auto socket = point.options.find("socket"); socket != point.options.end()) {
      versions.push_back("by-" + socket->second);
    }
    return versions;
  };
  return Complete(*DefineCommandLine(arguments), words, names);
}

TEST(CompletionTest, Commands) {
  EXPECT_THAT(CompleteWords({"ro"}), ElementsAre("rollback"));
  EXPECT_THAT(CompleteWords({"p"}), ElementsAre("pin", "plans", "predict", "probe", "promote", "push"));
  EXPECT_THAT(CompleteWords({""}), Contains("models"));
  EXPECT_THAT(CompleteWords({}), Contains("models"));
  EXPECT_THAT(CompleteWords({"xyz"}), IsEmpty());
}

TEST(CompletionTest, Options) {
  EXPECT_THAT(CompleteWords({"rollback", "--"}), Contains("--reason"));
  EXPECT_THAT(CompleteWords({"rollback", "--"}), Contains("--socket"));
  EXPECT_THAT(CompleteWords({"--"}), Contains("--db"));
  EXPECT_THAT(CompleteWords({"--"}), Not(Contains("--reason")));
  EXPECT_THAT(CompleteWords({"inspect", "--sh"}), ElementsAre("--sha256"));
}

TEST(CompletionTest, ModelsAndVersions) {
  EXPECT_THAT(CompleteWords({"rollback", ""}), ElementsAre("digits", "either-ink"));
  EXPECT_THAT(CompleteWords({"rollback", "d"}), ElementsAre("digits"));
  EXPECT_THAT(CompleteWords({"rollback", "digits", "--to", ""}), ElementsAre("1.0", "1.1", "of-digits"));
  EXPECT_THAT(CompleteWords({"promote", "digits", ""}), ElementsAre("1.0", "1.1", "of-digits"));
  EXPECT_THAT(CompleteWords({"predict", "digits", "--version", "1."}), ElementsAre("1.0", "1.1"));
  EXPECT_THAT(CompleteWords({"promote", "digits", "1.0", ""}), IsEmpty());
  EXPECT_THAT(CompleteWords({"diff", "digits", "1.0", "1."}), ElementsAre("1.0", "1.1"));
  EXPECT_THAT(CompleteWords({"label", "digits", "s"}), ElementsAre("stable"));
  EXPECT_THAT(CompleteWords({"canary", "digits", "1.0"}), ElementsAre("1.0"));
  EXPECT_THAT(CompleteWords({"canary", "digits", "1.0", ""}), IsEmpty());
}

TEST(CompletionTest, OptionsBeforeAreUnderstood) {
  EXPECT_THAT(CompleteWords({"--socket", "/s", "promote", "digits", "b"}), ElementsAre("by-/s"));
  EXPECT_THAT(CompleteWords({"--socket=/s", "promote", "digits", "b"}), ElementsAre("by-/s"));
  EXPECT_THAT(CompleteWords({"--socket", "=", "/s", "promote", "digits", "b"}),
              ElementsAre("by-/s"));  // bash's words
  EXPECT_THAT(CompleteWords({"promote", "--socket", "/s", "--reason", "because", "digits", "b"}),
              ElementsAre("by-/s"));
  EXPECT_THAT(CompleteWords({"-o", "json", "rollback", "e"}), ElementsAre("either-ink"));
}

TEST(CompletionTest, Values) {
  EXPECT_THAT(CompleteWords({"-o", ""}), ElementsAre("json", "table"));
  EXPECT_THAT(CompleteWords({"--output", "="}), ElementsAre("json", "table"));
  EXPECT_THAT(CompleteWords({"completion", ""}), ElementsAre("bash", "fish", "zsh"));
  EXPECT_THAT(CompleteWords({"predict", "digits", "--label", "p"}), ElementsAre("previous"));
  EXPECT_THAT(CompleteWords({"rollback", "digits", "--reason", ""}), IsEmpty());
}

TEST(CompletionTest, Files) {
  EXPECT_THAT(CompleteWords({"--db", ""}), ElementsAre(kCompleteFiles));
  EXPECT_THAT(CompleteWords({"--socket", "/ru"}), ElementsAre(kCompleteFiles));
  EXPECT_THAT(CompleteWords({"inspect", ""}), ElementsAre(kCompleteFiles));
  EXPECT_THAT(CompleteWords({"push", ""}), ElementsAre(kCompleteFiles));
  EXPECT_THAT(CompleteWords({"push", "a.pt", "--config", ""}), ElementsAre(kCompleteFiles));
  EXPECT_THAT(CompleteWords({"inspect", "a.pt", "b"}), ElementsAre(kCompleteFiles));
}

// What a shell command prints.
std::string OutputOf(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::string output;
  char buffer[256];
  while (pipe != nullptr && ::fgets(buffer, sizeof(buffer), pipe) != nullptr) output += buffer;
  return pipe != nullptr && ::pclose(pipe) == 0 ? output : "failed: " + output;
}

TEST(CompletionScriptTest, BashFunctionFillsCompreply) {
  const TempDir directory;
  const std::string script = directory.Write("modelctl.bash", CompletionScript("bash"));
  EXPECT_EQ(OutputOf("bash -n " + script + " 2>&1"), "");
  // A stand-in for modelctl that shows the words it was asked with.
  const std::string test = directory.Write("test.bash", "source " + script + R"(
modelctl() { printf '%s\n' "<$*>" 'two words'; }
complete -p modelctl
COMP_WORDS=(modelctl rollback '' after) COMP_CWORD=2
_modelctl modelctl
printf '[%s]\n' "${COMPREPLY[@]}"
modelctl() { echo :files; }
_modelctl modelctl
echo "${#COMPREPLY[@]}"
)");
  EXPECT_EQ(OutputOf("bash " + test + " 2>&1"),
            "complete -F _modelctl modelctl\n[<__complete rollback >]\n[two words]\n0\n");
}

TEST(CompletionScriptTest, OtherShells) {
  EXPECT_THAT(CompletionScript("zsh"), testing::StartsWith("#compdef modelctl\n"));
  EXPECT_THAT(CompletionScript("fish"), testing::HasSubstr("complete -c modelctl"));
}

}  // namespace
}  // namespace modeld
