#include "daemon/scheduling/request_scheduler.h"

#include <utility>
#include <vector>

namespace modeld {

RequestScheduler::RequestScheduler(const Clock* clock, PrepareThreadFn prepare_thread)
    : clock_(clock), prepare_thread_(std::move(prepare_thread)) {}

RequestScheduler::~RequestScheduler() { Stop(); }

std::unique_ptr<InstanceGroup> RequestScheduler::NewGroup(Executable* executable,
                                                          InstanceGroupOptions options) {
  return std::unique_ptr<InstanceGroup>(new InstanceGroup(executable, std::move(options), this));
}

void RequestScheduler::Stop() {
  std::vector<QueuedCall*> waiting;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    for (InstanceGroup* group : groups_) {
      const std::vector<QueuedCall*> of_group = group->Stop();
      waiting.insert(waiting.end(), of_group.begin(), of_group.end());
    }
  }
  for (QueuedCall* call : waiting) Answer(*call, {.value = StoppedError()});
  MutexLock lock(&mutex_);
  while (in_flight_ > 0) left_.Wait(&mutex_);
}

void RequestScheduler::Register(InstanceGroup* group) {
  MutexLock lock(&mutex_);
  groups_.insert(group);
  if (stopped()) (void)group->Stop();  // nothing waits in it yet
}

void RequestScheduler::Unregister(InstanceGroup* group) {
  MutexLock lock(&mutex_);
  groups_.erase(group);
}

void RequestScheduler::PrepareThisThread(int intra_op_threads) const {
  if (!prepare_thread_) return;
  thread_local const RequestScheduler* prepared_by = nullptr;
  thread_local int prepared_for = 0;
  if (prepared_by == this && prepared_for == intra_op_threads) return;
  prepare_thread_(intra_op_threads);
  prepared_by = this;
  prepared_for = intra_op_threads;
}

absl::Status RequestScheduler::StoppedError() {
  return absl::UnavailableError("the daemon is shutting down");
}

void RequestScheduler::Answer(QueuedCall& call, CallOutcome outcome) {
  call.Answer(std::move(outcome));
  // In one order with what Stop does, or each could miss the other. The last one wakes who waits in Stop;
  // whoever enters after that finds its group stopped.
  if (in_flight_.fetch_sub(1) == 1 && stopped_) {
    MutexLock lock(&mutex_);
    left_.SignalAll();
  }
}

}  // namespace modeld
