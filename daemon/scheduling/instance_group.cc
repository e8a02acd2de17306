#include "daemon/scheduling/instance_group.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/scheduling/request_scheduler.h"
#include "daemon/scheduling/retry_after.h"
#include "registry/base/log.h"
#include "registry/base/stopwatch.h"

namespace modeld {
namespace {

// A run that takes less is over before another thread would have begun it, or nearly so.
constexpr int64_t kRunsAtOnceNanoseconds = 100'000;
// Batches are made of calls of `forward`, which config and rule are about.
constexpr size_t kForward = 0;
// The weight of the newest in the moving averages is one in so many.
constexpr int64_t kAveraged = 8;

constexpr absl::Duration kRetrySoonest = absl::Milliseconds(1);

absl::Status PassedError(const char* when) {
  return absl::DeadlineExceededError(absl::StrCat("the deadline passed ", when));
}

std::string Milliseconds(absl::Duration duration) {
  return absl::StrCat(std::max<int64_t>(1, absl::ToInt64Milliseconds(duration)), " ms");
}

void Average(std::atomic<int64_t>& average, int64_t newest) {
  const int64_t before = average.load(std::memory_order_relaxed);
  average.store(before == 0 ? newest : before + (newest - before) / kAveraged, std::memory_order_relaxed);
}

}  // namespace

InstanceGroup::InstanceGroup(Executable* executable, InstanceGroupOptions options,
                             RequestScheduler* scheduler)
    : executable_(executable),
      options_(std::move(options)),
      scheduler_(scheduler),
      joins_(options_.batching.has_value() && options_.batch.max_rows > 1),
      queue_(options_.batch) {
  scheduler_->Register(this);
}

InstanceGroup::~InstanceGroup() {
  scheduler_->Unregister(this);
  (void)Stop();
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<QueuedCall*> InstanceGroup::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  work_.SignalAll();
  return queue_.Remove([](const QueuedCall&) { return true; });
}

size_t InstanceGroup::queued() const {
  MutexLock lock(&mutex_);
  return queue_.size();
}

void InstanceGroup::Poke() {
  MutexLock lock(&mutex_);
  work_.SignalAll();
}

// --- Submit ---

void InstanceGroup::Submit(QueuedCall* call) {
  scheduler_->Enter();
  const absl::Time now = scheduler_->clock_->Now();
  if (call->deadline <= now) {
    return scheduler_->Answer(*call, {.value = PassedError("before the request was queued")});
  }
  if (TakeIdleInstance()) {
    scheduler_->PrepareThisThread(options_.threads_per_instance);
    RunAlone(*call);
    RunQueuedHere();
    return;
  }
  std::vector<QueuedCall*> given_up;
  absl::Status queued;
  try {
    queued = Enqueue(call, now, &given_up);
  } catch (const std::bad_alloc&) {
    queued = absl::ResourceExhaustedError("out of memory to queue the request; try again later");
  }
  for (QueuedCall* other : given_up) {
    scheduler_->Answer(*other,
                       {.value = WhyNot({.call = other, .rows = 1, .bytes = 0, .arrived = now}, now)});
  }
  if (!queued.ok()) scheduler_->Answer(*call, {.value = std::move(queued)});
}

bool InstanceGroup::IsFast() const {
  const int64_t typical = typical_run_.load(std::memory_order_relaxed);
  return typical > 0 && typical <= kRunsAtOnceNanoseconds && options_.threads_per_instance == 1;
}

bool InstanceGroup::TakeIdleInstance() {
  if (!IsFast()) return false;
  // Where requests can be joined, the others are to wait for the one that runs, and then to run together.
  const int at_once = joins_.load(std::memory_order_relaxed) ? 1 : options_.instances;
  MutexLock lock(&mutex_);
  if (stopped_ || running_ >= at_once || !queue_.empty()) return false;
  ++running_;
  return true;
}

void InstanceGroup::RunQueuedHere() {
  while (true) {
    BatchQueue::Taken next;
    {
      MutexLock lock(&mutex_);
      if (IsFast() && !stopped_) next = queue_.Take(scheduler_->clock_->Now(), /*linger=*/false);
      if (next.calls.empty()) {
        --running_;
        // One that cannot be started now is tried for again with the next request.
        if (!queue_.empty()) WakeOne().IgnoreError();
        return;
      }
    }
    Run(std::move(next.calls));
  }
}

absl::Status InstanceGroup::Enqueue(QueuedCall* call, absl::Time now, std::vector<QueuedCall*>* given_up) {
  WaitingCall waiting{.call = call, .rows = 1, .bytes = ArgumentBytes(call->arguments), .arrived = now};
  std::optional<BatchKey> key;
  const bool joins = joins_.load(std::memory_order_relaxed) && call->session == nullptr;
  if (joins && call->method == kForward) {
    if (std::optional<BatchPart> part = PartOf(*options_.batching, call->arguments)) {
      key = std::move(part->key);
      waiting.rows = part->rows;
    }
  }
  MutexLock lock(&mutex_);
  if (stopped_) return RequestScheduler::StoppedError();
  absl::Status room = CheckRoom(waiting);
  if (!room.ok()) {
    *given_up = queue_.Remove(
        [&](const QueuedCall& call) { return call.deadline <= waiting.arrived || call.Cancelled(); });
    if (!given_up->empty()) room = CheckRoom(waiting);
    if (!room.ok()) return room;
  }
  if (const absl::Duration wait = EstimatedWait(); waiting.arrived + wait > waiting.call->deadline) {
    return absl::DeadlineExceededError(
        absl::StrCat("the deadline in ", Milliseconds(waiting.call->deadline - waiting.arrived),
                     " cannot be met: ", queue_.size(), " requests wait, for about ", Milliseconds(wait)));
  }
  if (threads_.empty() && running_ == 0) {
    if (absl::Status started = WakeOne(); !started.ok()) return started;
  }
  const bool worth_it = queue_.Push(waiting, key);
  // Who runs looks at the queue before it gives its instance back.
  const bool wakes = running_ < options_.instances && !(IsFast() && running_ > 0);
  if (wakes && (worth_it || !lingering_)) return WakeOne();
  return absl::OkStatus();
}

absl::Status InstanceGroup::CheckRoom(const WaitingCall& waiting) const {
  std::string full;
  if (queue_.size() >= options_.max_queue_calls) {
    full = absl::StrCat(queue_.size(), " requests wait (limit ", options_.max_queue_calls,
                        "); try again later, or raise --max-queue");
  } else if (!queue_.empty() && queue_.bytes() + waiting.bytes > options_.max_queue_bytes) {
    full = absl::StrCat("requests of ", queue_.bytes(), " bytes wait (limit ", options_.max_queue_bytes,
                        "); try again later, or raise --max-queue-mib");
  } else {
    return absl::OkStatus();
  }
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat("the queue is full: ", full));
  SetRetryAfter(std::max(EstimatedWait() / 2, kRetrySoonest), status);
  return status;
}

absl::Duration InstanceGroup::EstimatedWait() const {
  return absl::Nanoseconds(typical_call_.load(std::memory_order_relaxed)) *
         static_cast<int64_t>(queue_.size()) / options_.instances;
}

absl::Status InstanceGroup::WakeOne() {
  if (idle_ > 0) {
    work_.Signal();
    return absl::OkStatus();
  }
  if (static_cast<int>(threads_.size()) >= options_.instances || stopped_) return absl::OkStatus();
  try {
    threads_.emplace_back([this, index = static_cast<int>(threads_.size())] { InstanceLoop(index); });
  } catch (const std::system_error& error) {
    if (!threads_.empty()) return absl::OkStatus();  // the others do its work
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread can be started: ", error.what(), "; raise the limit of threads"));
  }
  return absl::OkStatus();
}

// --- The group's threads ---

void InstanceGroup::InstanceLoop(int /*index*/) {
  scheduler_->PrepareThisThread(options_.threads_per_instance);
  bool just_ran = false;
  while (true) {
    BatchQueue::Taken next = Next(just_ran);
    if (next.calls.empty()) return;
    Run(std::move(next.calls));
    just_ran = true;
  }
}

BatchQueue::Taken InstanceGroup::Next(bool just_ran) {
  MutexLock lock(&mutex_);
  if (just_ran) --running_;
  while (!stopped_) {
    absl::Duration wait = absl::InfiniteDuration();
    if (running_ < options_.instances && !queue_.empty()) {
      // Only the last free instance keeps requests waiting, and only where it comes from work: then more are
      // on their way.
      const bool linger =
          just_ran && running_ == options_.instances - 1 && options_.batch.max_delay > absl::ZeroDuration();
      const absl::Time now = scheduler_->clock_->Now();
      BatchQueue::Taken taken = queue_.Take(now, linger);
      if (!taken.calls.empty()) {
        ++running_;
        // Who brought what is left may have found no thread idle.
        if (!queue_.empty() && running_ < options_.instances) WakeOne().IgnoreError();
        return taken;
      }
      wait = taken.look_again - now;
    } else {
      just_ran = false;
    }
    lingering_ = wait != absl::InfiniteDuration();
    ++idle_;
    (void)work_.WaitWithTimeout(&mutex_, wait);
    --idle_;
    lingering_ = false;
  }
  return {};
}

// --- Running ---

absl::Status InstanceGroup::WhyNot(const WaitingCall& waiting, absl::Time now) const {
  const QueuedCall& call = *waiting.call;
  if (call.Cancelled()) return absl::CancelledError("the caller cancelled the request");
  if (call.deadline <= now) return PassedError("while the request waited in the queue");
  // Of those that waited for others only: what finds an idle instance is always run, and so the average
  // follows where a model has become faster.
  const absl::Duration run = absl::Nanoseconds(typical_run_.load(std::memory_order_relaxed));
  if (now - waiting.arrived > run / 2 && call.deadline - now < run * 0.9) {
    return absl::DeadlineExceededError(absl::StrCat("the deadline in ", Milliseconds(call.deadline - now),
                                                    " cannot be met any more: a run takes ",
                                                    Milliseconds(run)));
  }
  return absl::OkStatus();
}

void InstanceGroup::Run(std::vector<WaitingCall> calls) {
  const absl::Time now = scheduler_->clock_->Now();
  std::erase_if(calls, [&](const WaitingCall& waiting) {
    absl::Status why_not = WhyNot(waiting, now);
    if (why_not.ok()) return false;
    scheduler_->Answer(*waiting.call, {.value = std::move(why_not)});
    return true;
  });
  if (calls.size() > 1) return RunTogether(calls);
  for (const WaitingCall& waiting : calls) RunAlone(*waiting.call);
}

absl::StatusOr<Value> InstanceGroup::CallModel(Executable& executable, size_t method,
                                               std::vector<Value> arguments) {
  // That memory ran out ends one request, not the daemon.
  try {
    return executable.Run(method, std::move(arguments));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for this request; send smaller tensors or try again");
  }
}

void InstanceGroup::RunAlone(QueuedCall& call) {
  scheduler_->NoteBegun(1);
  call.Begin();
  const Stopwatch watch;
  absl::StatusOr<Value> value = CallModel(call.session == nullptr ? *executable_ : *call.session, call.method, std::move(call.arguments));
  const int64_t nanoseconds = watch.Nanoseconds();
  NoteRun(nanoseconds, 1);
  scheduler_->Answer(call,
                     {.value = std::move(value), .ran = true, .nanoseconds = nanoseconds, .batch_rows = 0});
}

void InstanceGroup::RunTogether(const std::vector<WaitingCall>& calls) {
  scheduler_->NoteBegun(calls.size());
  int64_t rows = 0;
  for (const WaitingCall& waiting : calls) {
    waiting.call->Begin();
    rows += waiting.rows;
  }
  int64_t nanoseconds = 0;
  absl::StatusOr<std::vector<Value>> parts = RunJoined(calls, RowsAfterPadding(rows), &nanoseconds);
  if (!parts.ok()) {
    // One of them may be the only one at fault.
    for (const WaitingCall& waiting : calls) RunAlone(*waiting.call);
    return;
  }
  NoteRun(nanoseconds, calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    scheduler_->Answer(
        *calls[i].call,
        {.value = std::move((*parts)[i]), .ran = true, .nanoseconds = nanoseconds, .batch_rows = rows});
  }
}

absl::StatusOr<std::vector<Value>> InstanceGroup::RunJoined(const std::vector<WaitingCall>& calls,
                                                            int64_t total_rows, int64_t* nanoseconds) {
  std::vector<const std::vector<Value>*> requests;
  std::vector<int64_t> rows;
  int64_t sum = 0;
  for (const WaitingCall& waiting : calls) {
    requests.push_back(&waiting.call->arguments);
    rows.push_back(waiting.rows);
    sum += waiting.rows;
  }
  try {
    std::vector<Value> arguments = JoinRows(*options_.batching, requests, total_rows - sum);
    const Stopwatch watch;
    const absl::StatusOr<Value> result = CallModel(*executable_, kForward, std::move(arguments));
    *nanoseconds = watch.Nanoseconds();
    if (!result.ok()) return result.status();
    absl::StatusOr<std::vector<Value>> parts = SplitRows(*result, rows, total_rows);
    if (!parts.ok() && joins_.exchange(false)) {
      LogError("requests are not joined any more", {{"version", options_.name}, {"error", parts.status()}});
    }
    return parts;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for a batch");
  }
}

int64_t InstanceGroup::RowsAfterPadding(int64_t rows) const {
  if (!options_.pad_batches) return rows;
  const std::vector<int64_t>& sizes = options_.batch.preferred_rows;
  const auto fits = std::lower_bound(sizes.begin(), sizes.end(), rows);
  return fits == sizes.end() ? rows : *fits;
}

void InstanceGroup::NoteRun(int64_t nanoseconds, size_t calls) {
  const int64_t run = std::max<int64_t>(1, nanoseconds);
  Average(typical_run_, run);
  Average(typical_call_, std::max<int64_t>(1, run / static_cast<int64_t>(calls)));
}

}  // namespace modeld
