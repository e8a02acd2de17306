// PlanTuner: looks for a faster way to run the versions that are in memory, behind what serves.
//
// A model that is new goes live as it was saved, at once; trying its plans takes seconds that nobody should
// wait for. When they are known the version is loaded again by the best of them, and takes its own place
// without a request lost. So does a version whose plans were measured on another machine, or with other
// libraries.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/lifecycle/known_plans.h"
#include "daemon/lifecycle/prober.h"
#include "registry/base/clock.h"
#include "registry/base/mutex.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe.
class PlanTuner {
 public:
  // Lets the version, if it is in memory and runs otherwise, be loaded again to run by `plan`, which the
  // registry has by now. `resident_bytes`: what it takes then.
  using ReloadFn =
      std::function<void(const VersionRecord& record, const std::string& plan, int64_t resident_bytes)>;

  // All pointers outlive it. `prober` tries all plans, and is this one's alone.
  PlanTuner(Registry* registry, const KnownPlans* known_plans, Clock* clock,
            std::unique_ptr<VersionProber> prober);
  ~PlanTuner();

  // Begins. Call once.
  void Start(ReloadFn reload);
  // Ends what goes on, for good. Waits for it.
  void Stop();

  // The version was loaded. Does not block.
  void Notice(const VersionRecord& record);
  // Tries the version's plans whatever is known of them, before all that nobody waits for, and returns when
  // that is done; callers who come before it has begun share one trial.
  // FAILED_PRECONDITION: it did not pass any more; DEADLINE_EXCEEDED; UNAVAILABLE: stopping; else what kept
  // it from being tried.
  absl::Status Retune(const VersionRecord& record, absl::Duration timeout);

 private:
  struct Wait {  // of a call of Retune
    bool done = false;
    absl::Status status;
  };
  struct Job {
    VersionRecord record;
    std::shared_ptr<Wait> wait;  // null: nobody waits, and what is known need not be found out again
    int failures = 0;
    absl::Time not_before = absl::InfinitePast();
  };

  // Of callers for whom the version's trial has not begun; null: there are none.
  std::shared_ptr<Wait> WaitFor(const VersionRecord& record) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Loop();
  bool Next(Job* job);
  absl::Status Tune(const Job& job);

  Registry* const registry_;
  const KnownPlans* const known_plans_;
  Clock* const clock_;
  const std::unique_ptr<VersionProber> prober_;
  ReloadFn reload_;  // constant after Start

  Mutex mutex_;
  CondVar changed_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace modeld
