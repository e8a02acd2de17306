#include "daemon/scheduling/worker_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/timeout.h"

namespace modeld {
namespace {

absl::Status StoppedError() { return absl::UnavailableError("the daemon is shutting down"); }

// Why work that leaves the queue is not to be begun; OK: begin it.
absl::Status WhyNot(const Work& work, absl::Time now) {
  if (work.cancelled && work.cancelled()) return absl::CancelledError("the caller cancelled the request");
  if (work.deadline <= now) {
    return absl::DeadlineExceededError("the deadline passed while the request waited in the queue");
  }
  return absl::OkStatus();
}

}  // namespace

WorkerPool::WorkerPool(const Clock* clock, WorkerPoolOptions options)
    : clock_(clock), options_(std::move(options)) {
  const int threads = std::max(1, options_.threads);
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { WorkLoop(); });
}

WorkerPool::~WorkerPool() {
  Stop();
  for (std::thread& thread : threads_) thread.join();
}

absl::Status WorkerPool::Submit(Work& work) {
  if (work.deadline <= clock_->Now()) {
    return absl::DeadlineExceededError("the deadline passed before the request was queued");
  }
  MutexLock lock(&mutex_);
  if (stopped_) return StoppedError();
  // Work that an idle thread is about to take does not count as waiting.
  if (queue_.size() + running_ >= options_.max_queue + threads_.size()) {
    return absl::ResourceExhaustedError(absl::StrCat("the queue is full: ", queue_.size(),
                                                     " requests wait (limit ", options_.max_queue,
                                                     "); try again later, or raise --max-queue"));
  }
  queue_.push_back(std::move(work));
  work_or_stop_.Signal();
  return absl::OkStatus();
}

void WorkerPool::Stop() {
  std::deque<Work> unbegun;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    unbegun.swap(queue_);
    running_ += unbegun.size();  // answering counts as running, for WaitIdle
    work_or_stop_.SignalAll();
  }
  const size_t answered = unbegun.size();
  for (Work& work : unbegun) work.run(StoppedError());
  unbegun.clear();  // what the work holds goes before it is counted as done

  MutexLock lock(&mutex_);
  running_ -= answered;
  if (running_ == 0) idle_.SignalAll();
  while (running_ > 0) idle_.Wait(&mutex_);
}

bool WorkerPool::WaitIdle(absl::Duration timeout) {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  while (!queue_.empty() || running_ > 0) {
    if (!patience.Wait(&idle_, &mutex_)) return false;
  }
  return true;
}

uint64_t WorkerPool::begun() const {
  MutexLock lock(&mutex_);
  return begun_;
}

size_t WorkerPool::queued() const {
  MutexLock lock(&mutex_);
  return queue_.size();
}

size_t WorkerPool::running() const {
  MutexLock lock(&mutex_);
  return running_;
}

void WorkerPool::WorkLoop() {
  if (options_.prepare_thread) options_.prepare_thread();
  while (std::optional<Work> work = Next()) {
    const absl::Status why_not = WhyNot(*work, clock_->Now());
    work->run(why_not);
    work.reset();  // what the work holds goes before it is counted as done
    Done();
  }
}

std::optional<Work> WorkerPool::Next() {
  MutexLock lock(&mutex_);
  while (queue_.empty()) {
    if (stopped_) return std::nullopt;
    work_or_stop_.Wait(&mutex_);
  }
  Work work = std::move(queue_.front());
  queue_.pop_front();
  ++running_;
  ++begun_;
  return work;
}

void WorkerPool::Done() {
  MutexLock lock(&mutex_);
  --running_;
  if (queue_.empty() && running_ == 0) idle_.SignalAll();
}

}  // namespace modeld
