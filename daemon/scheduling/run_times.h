// RunTimes: how long a version's runs have taken of late, for guessing how long the next will.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace modeld {

// Moving averages; zero while nothing is known. Thread-safe: where two notes meet one may be lost.
class RunTimes {
 public:
  // A run of so many calls that did not fail. `light`: all of them as quick as the model usually is.
  void Note(absl::Duration run, size_t calls, bool light);

  // Of a run: a batch, or a call that runs alone.
  absl::Duration typical() const { return Of(typical_); }
  // What few runs take longer than: the mean and twice the mean deviation, as retransmission timers have it
  // (https://www.rfc-editor.org/rfc/rfc6298, with four); not more than twice the mean, or a model that has
  // become faster would be thought slower for a while.
  absl::Duration likely_most() const { return Of(typical_) + std::min(2 * Of(deviation_), Of(typical_)); }
  // A call's share of a run.
  absl::Duration of_call() const { return Of(of_call_); }
  // Of runs of light calls: rises at once, and falls slowly.
  absl::Duration slowest_light() const { return Of(slowest_light_); }

 private:
  using Average = std::atomic<int64_t>;  // nanoseconds
  static absl::Duration Of(const Average& average) {
    return absl::Nanoseconds(average.load(std::memory_order_relaxed));
  }

  Average typical_{0}, deviation_{0}, of_call_{0}, slowest_light_{0};
};

}  // namespace modeld
