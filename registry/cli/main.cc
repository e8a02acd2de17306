// modelctl: the command line of modeld. See modelctl(1).
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "registry/base/clock.h"
#include "registry/cli/run.h"

namespace {

std::optional<std::string> Variable(const char* name) {
  const char* const value = ::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// The user's name, and behind sudo the name of who called it.
std::string Actor() {
  const passwd* const entry = ::getpwuid(::geteuid());
  const std::string user = entry == nullptr ? absl::StrCat("uid ", ::geteuid()) : entry->pw_name;
  const std::optional<std::string> caller = Variable("SUDO_USER");
  return caller.has_value() ? absl::StrCat(*caller, " (sudo)") : user;
}

}  // namespace

int main(int argc, char** argv) {
  const modeld::Environment environment = {.out = &std::cout,
                                           .err = &std::cerr,
                                           .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                                           .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
                                           .variable = Variable,
                                           .actor = Actor,
                                           .clock = modeld::Clock::Real(),
                                           .zone = absl::LocalTimeZone,
                                           .completion_timeout = absl::Milliseconds(500)};
  return modeld::RunModelctl(argc, argv, environment);
}
