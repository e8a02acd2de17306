// DecodePool: threads that decode images, so that those that bring requests need not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/base/clock.h"
#include "registry/base/mutex.h"

namespace modeld {

struct DecodePoolOptions {
  int threads = 1;
  // What may wait, beside what runs.
  size_t max_waiting = 1024;
  int64_t max_waiting_bytes = int64_t{256} << 20;
  const Clock* clock = Clock::Real();  // outlives the pool
};

// Thread-safe. Destruction is Stop.
class DecodePool {
 public:
  explicit DecodePool(const DecodePoolOptions& options) : options_(options) {}
  ~DecodePool() { Stop(); }
  DecodePool(const DecodePool&) = delete;
  DecodePool& operator=(const DecodePool&) = delete;

  // Has `work` run on a thread of the pool, in the order of Posts; it holds `bytes` of memory while it waits.
  // Where it still waits at `deadline` it is run then, beside the order, on a thread for what is late: it
  // looks at the deadline itself, and only says that it passed.
  // RESOURCE_EXHAUSTED: too much waits, or no thread can be started; UNAVAILABLE: stopped. Then it is not
  // run.
  absl::Status Post(int64_t bytes, absl::Time deadline, std::function<void()> work);

  // Runs what waits, takes nothing more, and ends the threads. For good.
  void Stop();

 private:
  using Work = std::function<void()>;
  struct Waiting {
    int64_t bytes = 0;
    absl::Time deadline;
    Work work;
  };
  // Those that work with this deadline needs beside those there are.
  absl::Status StartThreads(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Loop();
  void LateLoop();
  // Waits for work; empty: there will be none any more.
  Work Next();
  Work NextLate();
  Work Take(std::list<Waiting>::iterator waiting) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const DecodePoolOptions options_;

  Mutex mutex_;
  CondVar changed_;
  CondVar deadlines_changed_;
  std::list<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Started when first needed.
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread late_thread_ ABSL_GUARDED_BY(mutex_);
  absl::Time look_for_late_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();  // when its thread does so next
};

}  // namespace modeld
