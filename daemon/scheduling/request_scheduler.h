// RequestScheduler: what the instance groups of all versions share: threads' preparation, counts, and the
// end.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "daemon/engine/engine.h"
#include "daemon/scheduling/instance_group.h"
#include "registry/base/clock.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe. Outlives its groups.
class RequestScheduler {
 public:
  // Called by each thread before it runs anything, and where it is to run with another number of intra-op
  // threads.
  using PrepareThreadFn = std::function<void(int intra_op_threads)>;

  // `clock` outlives it.
  RequestScheduler(const Clock* clock, PrepareThreadFn prepare_thread);
  ~RequestScheduler();

  // The executable outlives the group.
  std::unique_ptr<InstanceGroup> NewGroup(Executable* executable, InstanceGroupOptions options);

  // Refuses new requests, answers waiting ones with UNAVAILABLE, and waits for what runs. For good.
  void Stop();

  // Requests that a model was called for, ever.
  uint64_t begun() const { return begun_.load(std::memory_order_relaxed); }
  // Threads that models run on now.
  int64_t running_threads() const { return running_threads_.load(std::memory_order_relaxed); }
  // Requests that are submitted and not answered.
  int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  friend class InstanceGroup;
  void Register(InstanceGroup* group);
  void Unregister(InstanceGroup* group);
  void PrepareThisThread(int intra_op_threads) const;
  bool stopped() const { return stopped_; }
  void Enter() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  // Of a call that entered.
  void Answer(QueuedCall& call, CallOutcome outcome);
  static absl::Status StoppedError();
  // While a model runs on so many threads.
  class Running {
   public:
    Running(RequestScheduler& scheduler, int threads) : scheduler_(scheduler), threads_(threads) {
      scheduler_.running_threads_.fetch_add(threads_, std::memory_order_relaxed);
    }
    ~Running() { scheduler_.running_threads_.fetch_sub(threads_, std::memory_order_relaxed); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    RequestScheduler& scheduler_;
    const int threads_;
  };
  void NoteBegun(uint64_t calls) { begun_.fetch_add(calls, std::memory_order_relaxed); }

  const Clock* const clock_;
  const PrepareThreadFn prepare_thread_;
  std::atomic<uint64_t> begun_{0};
  std::atomic<int64_t> in_flight_{0};
  std::atomic<int64_t> running_threads_{0};
  std::atomic<bool> stopped_{false};

  Mutex mutex_;
  CondVar left_;
  std::set<InstanceGroup*> groups_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
