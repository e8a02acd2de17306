// Back-off: when to try again. Pure.
#pragma once

#include <algorithm>
#include <optional>

#include "absl/time/time.h"

namespace modeld {

struct BackoffPolicy {
  int max_attempts = 5;
  absl::Duration initial = absl::Milliseconds(50);
  absl::Duration maximum = absl::Seconds(2);
};

// How far a delay is scattered, so that clients that failed together do not come back together.
inline constexpr double kBackoffJitter = 0.2;

// How long to wait after `attempts` failed attempts (at least 1): `initial`, doubled each time up to
// `maximum`, scattered by `jitter` from -1 to 1. None if no attempt is left, or none would begin within
// `time_left`.
inline std::optional<absl::Duration> NextDelay(const BackoffPolicy& policy, int attempts,
                                               absl::Duration time_left, double jitter) {
  if (attempts >= policy.max_attempts) return std::nullopt;
  absl::Duration delay = policy.initial;
  for (int i = 1; i < attempts && delay < policy.maximum; ++i) delay *= 2;
  delay = std::min(delay, policy.maximum) * (1.0 + kBackoffJitter * jitter);
  if (delay >= time_left) return std::nullopt;
  return delay;
}

}  // namespace modeld
