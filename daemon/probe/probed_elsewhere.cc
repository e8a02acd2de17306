#include "daemon/probe/probed_elsewhere.h"

#include "absl/strings/str_cat.h"

namespace modeld {

std::string ProbedElsewhere(const v1::ProbeReport& before, const std::string& engine,
                            const std::string& machine) {
  const bool same_machine = before.machine() == machine;
  if (before.outcome() != v1::PROBE_OUTCOME_PASSED || (before.engine() == engine && same_machine)) return "";
  if (before.engine().empty() || before.machine().empty() || engine.empty() || machine.empty()) return "";
  return absl::StrCat("; its probe passed with ", before.engine(), " on ", before.machine(), ", and this is ",
                      engine, " on ", same_machine ? "it" : machine);
}

}  // namespace modeld
