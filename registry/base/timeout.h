// Timeout: how long a caller is willing to wait, counted by the steady clock from the moment it is made, so
// that setting the system's time neither shortens nor lengthens it.
#pragma once

#include <algorithm>
#include <chrono>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "registry/base/mutex.h"

namespace modeld {

// Not thread-safe. Use: while (!condition) if (!timeout.Wait(&cond_var, &mutex)) return TimedOut();
class Timeout {
 public:
  explicit Timeout(absl::Duration span) : span_(span) {}

  // Waits for a signal for what is left of the time; false, without waiting, if nothing is left. Returns
  // early now and then, as every wait on a condition variable may.
  bool Wait(CondVar* cond_var, Mutex* mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const absl::Duration left = Left();
    if (left <= absl::ZeroDuration()) return false;
    // Waiting in pieces: std::condition_variable overflows on spans near the end of time.
    cond_var->WaitWithTimeout(mutex, std::min(left, absl::Hours(1)));
    return true;
  }

 private:
  absl::Duration Left() const { return span_ - absl::FromChrono(std::chrono::steady_clock::now() - start_); }

  const absl::Duration span_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace modeld
