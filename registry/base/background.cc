#include "registry/base/background.h"

#include <sched.h>

namespace modeld {

BackgroundThread::BackgroundThread() : thread_([this] { Loop(); }) {}

BackgroundThread::~BackgroundThread() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void BackgroundThread::RunAndWait(std::function<void()> work) {
  MutexLock lock(&mutex_);
  while (busy_) changed_.Wait(&mutex_);
  busy_ = true;
  bool done = false;
  work_ = [&] {
    work();
    MutexLock lock_again(&mutex_);
    done = true;
    busy_ = false;
    changed_.SignalAll();
  };
  changed_.SignalAll();
  while (!done) changed_.Wait(&mutex_);
}

void BackgroundThread::Loop() {
  // For this thread alone: Linux takes 0 for the caller's thread id, whatever POSIX says.
  const sched_param none = {};
  (void)::sched_setscheduler(0, SCHED_IDLE, &none);
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && work_ == nullptr) changed_.Wait(&mutex_);
      if (work_ == nullptr) return;
      work = std::exchange(work_, nullptr);
    }
    work();
  }
}

}  // namespace modeld
