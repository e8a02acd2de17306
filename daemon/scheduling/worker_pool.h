// WorkerPool: threads that run requests, behind one bounded queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/base/clock.h"
#include "registry/base/mutex.h"

namespace modeld {

// One request's work. Exactly one of the two happens, once: `run` on a worker thread, with OK; or `run` with
// the reason why the work was not begun: DEADLINE_EXCEEDED, CANCELLED, UNAVAILABLE (shutting down).
struct Work {
  absl::Time deadline = absl::InfiniteFuture();
  // Asked when the work leaves the queue; may be null.
  std::function<bool()> cancelled;
  absl::AnyInvocable<void(absl::Status)> run;
};

struct WorkerPoolOptions {
  int threads = 1;
  size_t max_queue = 1024;  // work waiting, beyond what the threads run
  // Called by each worker thread before its first work.
  std::function<void()> prepare_thread;
};

// Thread-safe. Destruction is Stop, then join.
class WorkerPool {
 public:
  WorkerPool(const Clock* clock, WorkerPoolOptions options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Takes the work over, or says at once why not, leaving `work` untouched: RESOURCE_EXHAUSTED (queue full,
  // with its size and the remedy), DEADLINE_EXCEEDED (passed already), UNAVAILABLE (stopped).
  absl::Status Submit(Work& work);

  // Refuses new work, answers queued work with UNAVAILABLE and waits for what runs.
  void Stop();
  // Waits until nothing is queued or running, or until `timeout` passed; true: nothing is left.
  bool WaitIdle(absl::Duration timeout);

  // Work that was taken from the queue so far, whatever became of it.
  uint64_t begun() const;
  size_t queued() const;
  size_t running() const;

 private:
  void WorkLoop();
  // Waits for work and takes it; none: stopped.
  std::optional<Work> Next();
  void Done();

  const Clock* const clock_;
  const WorkerPoolOptions options_;

  mutable Mutex mutex_;
  CondVar work_or_stop_;
  CondVar idle_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // last: they use everything above
};

}  // namespace modeld
