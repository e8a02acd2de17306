// ProbeLimits: what a probe's process may take.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace modeld {

struct ProbeLimits {
  // From start to end, not counting the time for which the process was ready to run but the machine had other
  // things to do.
  absl::Duration wall = absl::Minutes(5);
  // CPU time of all its threads.
  absl::Duration cpu = absl::Minutes(5);
  // Address space beyond what the process has before it loads the model. 0: half of the machine's memory.
  int64_t memory_bytes = 0;
};

}  // namespace modeld
