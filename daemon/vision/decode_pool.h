// DecodePool: threads that decode images, so that those that bring requests need not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "registry/base/mutex.h"

namespace modeld {

struct DecodePoolOptions {
  int threads = 1;
  // What may wait, beside what runs.
  size_t max_waiting = 1024;
  int64_t max_waiting_bytes = int64_t{256} << 20;
};

// Thread-safe. Destruction is Stop.
class DecodePool {
 public:
  explicit DecodePool(const DecodePoolOptions& options) : options_(options) {}
  ~DecodePool() { Stop(); }
  DecodePool(const DecodePool&) = delete;
  DecodePool& operator=(const DecodePool&) = delete;

  // Has `work` run on a thread of the pool, in the order of Posts; it holds `bytes` of memory while it waits.
  // RESOURCE_EXHAUSTED: too much waits, or no thread can be started; UNAVAILABLE: stopped. Then it is not
  // run.
  absl::Status Post(int64_t bytes, std::function<void()> work);

  // Runs what waits, takes nothing more, and ends the threads. For good.
  void Stop();

 private:
  struct Waiting {
    int64_t bytes = 0;
    std::function<void()> work;
  };
  void Loop();
  // Waits for work; empty: there will be none any more.
  std::function<void()> Next();

  const DecodePoolOptions options_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);  // started when first needed
};

}  // namespace modeld
