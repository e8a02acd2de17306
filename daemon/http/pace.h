// Pace: what a connection's peer is waited for.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace modeld {

// How slowly a peer may send or take bytes: `grace`, and a second more for each `bytes_per_s` of them.
// Otherwise one that sends a byte now and then holds a thread for as long as it likes.
struct Pace {
  absl::Duration grace = absl::Seconds(10);
  int64_t bytes_per_s = 16 << 10;
};

}  // namespace modeld
