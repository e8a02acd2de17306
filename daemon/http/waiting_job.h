// Jobs that a thread waits for: what a connection's thread does with a request.
#pragma once

#include <google/protobuf/arena.h>

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/oip/infer_job.h"
#include "daemon/predict/predict_job.h"
#include "registry/base/mutex.h"

namespace modeld {

// `Job` is PredictJob or InferJob. Used by one thread.
template <typename Job>
class WaitingJob final : public Job {
 public:
  // `cancelled` may be empty; it outlives the job.
  explicit WaitingJob(const std::function<bool()>& cancelled) : cancelled_(cancelled) {}
  ~WaitingJob() = default;

  using Job::set_trace;

  // In place of Start and Wait, where the request cannot be read: counts and logs it as one that was refused.
  // `model`: that it names.
  absl::Status Refused(const PredictJob::Shared& shared, std::string_view model, const absl::Status& status) {
    this->Refuse(shared, model, status);
    return Wait();
  }
  // After Start, once: how it ended.
  absl::Status Wait() {
    MutexLock lock(&mutex_);
    while (!done_) cond_.Wait(&mutex_);
    return status_;
  }

  // Of QueuedCall.
  bool Cancelled() const override { return cancelled_ && cancelled_(); }

 private:
  void Done(const absl::Status& status) override {
    MutexLock lock(&mutex_);
    status_ = status;
    done_ = true;
    // Under the mutex: who waits may destroy this as soon as it has it.
    cond_.Signal();
  }

  const std::function<bool()>& cancelled_;
  Mutex mutex_;
  CondVar cond_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
