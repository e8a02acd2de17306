// InstanceGroup: the instances of one version, behind one queue.
//
// An instance is the right to run one batch at a time; it needs a thread of its own only where requests wait.
// A request that finds an idle instance of a fast model runs on the thread that brought it, which then also
// runs what is queued meanwhile: handing them over would take longer. Else a request waits until one of the
// group's threads takes it, alone or in a batch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/engine/engine.h"
#include "daemon/scheduling/batch_queue.h"
#include "daemon/scheduling/batching.h"
#include "daemon/scheduling/queued_call.h"
#include "daemon/scheduling/run_times.h"
#include "registry/base/mutex.h"

namespace modeld {

class RequestScheduler;

struct InstanceGroupOptions {
  int instances = 1;
  int threads_per_instance = 1;
  // Requests of `forward` are joined as it says; none: they never are.
  std::optional<BatchRule> batching;
  BatchLimits batch;
  bool pad_batches = false;  // to the next preferred size
  std::vector<int> pin_to;   // CPUs that the instances share out among themselves; empty: they run on any
  size_t max_queue_calls = 1024;
  int64_t max_queue_bytes = int64_t{1} << 30;
  std::string name;  // for logs: "digits 1.1"
};

// Thread-safe.
class InstanceGroup {
 public:
  // REQUIRES: every call was answered. Waits for the group's threads.
  ~InstanceGroup();
  InstanceGroup(const InstanceGroup&) = delete;
  InstanceGroup& operator=(const InstanceGroup&) = delete;

  // Has the call answered, perhaps before it returns. Refused at once, by an answer too: RESOURCE_EXHAUSTED
  // (the queue is full), DEADLINE_EXCEEDED (passed, or cannot be met), UNAVAILABLE (stopped).
  // REQUIRES: the group lives until Submit returns: hold the version, beside the call.
  void Submit(QueuedCall* call);

  int instances() const { return options_.instances; }
  size_t queued() const;
  // What it does now, and did.
  struct Load {
    int64_t queued = 0;            // requests that wait
    int64_t running = 0;           // instances that run something
    int64_t busy_nanoseconds = 0;  // of all instances together, in runs that ended
  };
  Load load() const;
  // Looks at the clock again. For tests that move the clock by hand; a real one is watched.
  void Poke();

 private:
  friend class RequestScheduler;
  InstanceGroup(Executable* executable, InstanceGroupOptions options, RequestScheduler* scheduler);
  // For good. Returns what waited, to be answered.
  std::vector<QueuedCall*> Stop();

  // --- Submit ---
  bool IsFast() const;
  // For a request that is to run on the thread that brought it; true: RunHere afterwards.
  bool TakeIdleInstance(const QueuedCall& call);
  // Runs it, then for a while what has been queued meanwhile, and gives the instance back. On this thread,
  // because what answers a request best is a thread of gRPC's: an answer from any other costs it two more
  // changes of threads. Others of gRPC's threads bring requests meanwhile. An exception would end a request
  // that is answered already: as on the group's own threads it ends the process.
  void RunHere(QueuedCall& call) noexcept;
  // What was taken out of a full queue, to be answered without the lock.
  struct TakenOut {
    std::vector<QueuedCall*> unwanted;   // by anybody: WhyNot says why
    std::vector<QueuedCall*> displaced;  // for a more urgent one
    absl::Status full;                   // what to tell these
  };
  // OK: queued, and perhaps answered already. Throws std::bad_alloc, and then it is not queued.
  absl::Status Enqueue(QueuedCall* call, absl::Time now, TakenOut* taken_out);
  // For one more request beside those of `waiting`.
  absl::Status CheckRoom(int64_t bytes, BatchQueue::Size waiting) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How long it will be at least until a new request of this priority can run; zero: it can now. `joins`: it
  // may share a batch with those before it.
  absl::Duration EstimatedWait(Priority priority, bool joins) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // RESOURCE_EXHAUSTED: there is no thread that could take what waits, and none can be started.
  absl::Status WakeOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- The group's threads ---
  void InstanceLoop(int instance);
  // Waits for the next batch, and takes an instance for it; empty: stopped.
  BatchQueue::Taken Next(bool just_ran);
  BatchQueue::Taken TakeNext(bool linger) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Running ---
  void Run(std::vector<WaitingCall>& calls);
  void NoteBusy(int64_t nanoseconds) { busy_nanoseconds_.fetch_add(nanoseconds, std::memory_order_relaxed); }
  // Else it is answered.
  bool IsStillWanted(const WaitingCall& waiting);
  absl::StatusOr<Value> CallModel(Executable& executable, size_t method, std::vector<Value> arguments);
  // `joined`: what became of it in a batch.
  void RunAlone(QueuedCall& call, const absl::Status& joined = absl::OkStatus());
  void RunTogether(const std::vector<WaitingCall>& calls);
  // Joins, runs and splits; an error is the batch's.
  absl::StatusOr<std::vector<Value>> RunJoined(const std::vector<WaitingCall>& calls, int64_t rows,
                                               int64_t* nanoseconds);
  // `bytes`: of the rows without padding.
  int64_t RowsAfterPadding(int64_t rows, int64_t bytes) const;
  // Why a call that leaves the queue is not run; OK: run it.
  absl::Status WhyNot(const WaitingCall& waiting, absl::Time now) const;

  Executable* const executable_;
  const InstanceGroupOptions options_;
  RequestScheduler* const scheduler_;

  std::atomic<bool> joins_;      // batches are made; false for good once an output could not be taken apart
  std::vector<RunTimes> times_;  // by method
  std::atomic<int64_t> busy_nanoseconds_{0};

  mutable Mutex mutex_;
  CondVar work_;
  BatchQueue queue_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;         // instances that run something
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;            // threads that wait
  bool lingering_ ABSL_GUARDED_BY(mutex_) = false;  // one of them for a fuller batch
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time sweep_again_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);  // started when first needed
};

}  // namespace modeld
