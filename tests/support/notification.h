// Notification: tells one thing that happened, once, to any number of threads that wait for it.
//
// Made of the project's own Mutex: ThreadSanitizer cannot see into std::promise, whose code lies in a library
// that was not built for it.
#pragma once

#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe.
class Notification {
 public:
  void Notify() {
    MutexLock lock(&mutex_);
    notified_ = true;
    changed_.SignalAll();
  }
  void Wait() {
    MutexLock lock(&mutex_);
    while (!notified_) changed_.Wait(&mutex_);
  }
  bool notified() const {
    MutexLock lock(&mutex_);
    return notified_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
