#include "daemon/probe/machine.h"

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "daemon/codec/utf8.h"
#include "daemon/scheduling/cpu_budget.h"
#include "registry/base/file_system.h"

namespace modeld {
namespace {

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "model name")) continue;
    return ToUtf8(std::string(absl::StripAsciiWhitespace(line.substr(line.find(':') + 1))));
  }
  return "";
}

}  // namespace

Machine ThisMachine() { return {.cpu_model = CpuModel(), .cpus = ReadCpuBudget(*FileSystem::Real()).count}; }

}  // namespace modeld
