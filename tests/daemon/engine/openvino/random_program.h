// Random TorchScript functions of the operators that OpenVINO is given, and of what it must not be given.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"

namespace modeld {

struct RandomProgram {
  std::vector<KnownInput> inputs;
  // Their shapes, where all that are -1 are of the same size, and all that are -2.
  std::vector<std::vector<int64_t>> dims;
  std::vector<std::string> statements;  // of forward, without what it returns
  std::string returned;

  // Of the module's forward.
  std::string Source() const;
  // Its beginning: the first statements, of which the last one's value is returned.
  RandomProgram Beginning(size_t statements) const;

  std::vector<std::string> last_of;  // of each statement, the name of what it makes
};

// The same for the same seed.
RandomProgram MakeRandomProgram(uint32_t seed);

}  // namespace modeld
