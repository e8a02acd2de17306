// LineLimiter: how many log lines of a kind may be written, so that a storm of failures does not fill the
// disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "registry/base/mutex.h"

namespace modeld {

// A bucket of tokens: `burst` lines at once, and `lines_per_second` in the long run. Thread-safe.
class LineLimiter {
 public:
  LineLimiter(double lines_per_second, double burst)
      : lines_per_second_(lines_per_second), burst_(burst), tokens_(burst) {}

  // Whether a line may be written now, by a clock that is not set back; if so, how many were left out since
  // the last one.
  std::optional<int64_t> Take(absl::Duration now) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    tokens_ = std::min(burst_, tokens_ + absl::ToDoubleSeconds(now - last_) * lines_per_second_);
    last_ = now;
    if (tokens_ < 1) {
      ++left_out_;
      return std::nullopt;
    }
    tokens_ -= 1;
    const int64_t left_out = left_out_;
    left_out_ = 0;
    return left_out;
  }

 private:
  const double lines_per_second_;
  const double burst_;
  Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
  absl::Duration last_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  int64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace modeld
