// Clock: the only source of time. Code that decides by time takes `now` as an argument; code that must ask
// for it holds a Clock, so that tests choose the time and never sleep.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time, for records and for people.
  virtual absl::Time Now() const = 0;
  // Time since any fixed moment, which setting the system's time does not change: for how long something
  // takes, where something is decided by it.
  virtual absl::Duration Steady() const = 0;

  // The system's clock; lives as long as the process.
  static Clock* Real();
};

// A clock that stands still until told. For tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : now_(start) {}

  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return now_;
  }
  absl::Duration Steady() const override { return Now() - absl::UnixEpoch(); }
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
