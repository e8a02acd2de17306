// Stopwatch: how long something takes, by the steady clock, so that setting the system's time changes
// nothing. For what is measured, not for what is decided by time: that takes a Clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace modeld {

// Runs from the moment it is made.
class Stopwatch {
 public:
  int64_t Nanoseconds() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace modeld
