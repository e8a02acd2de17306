// How long the random tests go on.
#pragma once

#include <cstdlib>
#include <string_view>

namespace modeld {

// `shortly` in a usual run, `at_length` where the environment has MODELD_TORTURE=1 (make torture).
inline int TortureRounds(int shortly, int at_length) {
  const char* const torture = std::getenv("MODELD_TORTURE");
  return torture != nullptr && std::string_view(torture) == "1" ? at_length : shortly;
}

}  // namespace modeld
