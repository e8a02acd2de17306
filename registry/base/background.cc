#include "registry/base/background.h"

#include <sched.h>
#include <unistd.h>

namespace modeld {
namespace {

// For one thread alone: Linux takes a thread's id, whatever POSIX says.
void SetPolicy(int thread_id, int policy) {
  const sched_param none = {};
  (void)::sched_setscheduler(thread_id, policy, &none);
}

}  // namespace

BackgroundThread::BackgroundThread() : thread_([this] { Loop(); }) {
  MutexLock lock(&mutex_);
  while (thread_id_ == 0) changed_.Wait(&mutex_);
}

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
  if (hurried_) SetPolicy(thread_id_, SCHED_OTHER);
  bool done = false;
  work_ = [&] {
    work();
    MutexLock lock_again(&mutex_);
    done = true;
    busy_ = false;
    if (std::exchange(hurried_, false)) SetPolicy(thread_id_, SCHED_IDLE);
    changed_.SignalAll();
  };
  changed_.SignalAll();
  while (!done) changed_.Wait(&mutex_);
}

void BackgroundThread::Hurry() {
  MutexLock lock(&mutex_);
  if (std::exchange(hurried_, true)) return;
  if (busy_) SetPolicy(thread_id_, SCHED_OTHER);
}

void BackgroundThread::Loop() {
  {
    MutexLock lock(&mutex_);
    thread_id_ = ::gettid();
    SetPolicy(thread_id_, SCHED_IDLE);
    changed_.SignalAll();
  }
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
