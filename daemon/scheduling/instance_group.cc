#include "daemon/scheduling/instance_group.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/scheduling/cpu_budget.h"
#include "daemon/scheduling/request_scheduler.h"
#include "daemon/scheduling/retry_after.h"
#include "daemon/scheduling/thread_priority.h"
#include "registry/base/log.h"

namespace modeld {
namespace {

// A run that takes less is over before another thread would have begun it, or nearly so.
constexpr absl::Duration kRunsAtOnce = absl::Microseconds(100);
// For how long at most who brought a request runs others after it: its own caller is answered afterwards.
constexpr absl::Duration kRunsOthers = absl::Milliseconds(1);
// And larger requests may take longer than most.
constexpr int64_t kRunsAtOnceBytes = 64 << 10;
// A batch of more bytes than this is padded to at most twice its size.
constexpr int64_t kPaddedFreelyBytes = 16 << 20;
// How often at most a full queue is looked through for what nobody wants any more.
constexpr absl::Duration kSweepAgain = absl::Milliseconds(5);
// Batches are made of calls of `forward`, which config and rule are about.
constexpr size_t kForward = 0;
constexpr size_t kMaxThreadName = 15;  // of Linux
constexpr absl::Duration kRetrySoonest = absl::Milliseconds(1);

// What is known of the times of runs holds for these; others may take any time.
bool IsLight(const QueuedCall& call) { return call.method == kForward && call.bytes <= kRunsAtOnceBytes; }

std::string Milliseconds(absl::Duration duration) {
  return absl::StrCat(std::max<int64_t>(1, absl::ToInt64Milliseconds(duration)), " ms");
}

}  // namespace

InstanceGroup::InstanceGroup(Executable* executable, InstanceGroupOptions options,
                             RequestScheduler* scheduler)
    : executable_(executable),
      options_(std::move(options)),
      scheduler_(scheduler),
      joins_(options_.batching.has_value() && options_.batch.max_rows > 1),
      times_(std::max<size_t>(1, executable->methods().size())),
      queue_(options_.batch) {
  threads_.reserve(static_cast<size_t>(options_.instances));  // so that only a thread itself may be refused
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
  return queue_.size().calls;
}

InstanceGroup::Load InstanceGroup::load() const {
  Load load{.queued = 0, .running = 0, .busy_nanoseconds = busy_nanoseconds_.load(std::memory_order_relaxed)};
  MutexLock lock(&mutex_);
  load.queued = static_cast<int64_t>(queue_.size().calls);
  load.running = running_;
  return load;
}

void InstanceGroup::Poke() {
  MutexLock lock(&mutex_);
  work_.SignalAll();
}

// --- Submit ---

void InstanceGroup::Submit(QueuedCall* call) {
  scheduler_->Enter();
  const absl::Time now = scheduler_->clock_->Now();
  absl::Status refused;
  bool runs_here = false;
  TakenOut taken_out;
  try {
    refused = WhyNot({.call = call, .rows = 1, .bytes = 0, .arrived = now, .is_light = true}, now);
    runs_here = refused.ok() && TakeIdleInstance(*call);
    if (refused.ok() && !runs_here) refused = Enqueue(call, now, &taken_out);
  } catch (const std::bad_alloc&) {
    refused = absl::ResourceExhaustedError("out of memory to queue the request; try again later");
  }
  if (runs_here) return RunHere(*call);
  for (QueuedCall* other : taken_out.unwanted) {
    scheduler_->Answer(
        *other,
        {.value = WhyNot({.call = other, .rows = 1, .bytes = 0, .arrived = now, .is_light = true}, now)});
  }
  for (QueuedCall* other : taken_out.displaced) scheduler_->Answer(*other, {.value = taken_out.full});
  if (!refused.ok()) scheduler_->Answer(*call, {.value = std::move(refused)});
}

bool InstanceGroup::IsFast() const {
  const absl::Duration slowest = times_[kForward].slowest_light();
  return slowest > absl::ZeroDuration() && slowest <= kRunsAtOnce && options_.threads_per_instance == 1 &&
         options_.pin_to.empty();
}

bool InstanceGroup::TakeIdleInstance(const QueuedCall& call) {
  if (!IsFast() || !IsLight(call)) return false;
  // Where requests can be joined, the others are to wait for the one that runs, and then to run together.
  const int at_once = joins_.load(std::memory_order_relaxed) ? 1 : options_.instances;
  MutexLock lock(&mutex_);
  if (stopped_ || running_ >= at_once || !queue_.empty()) return false;
  ++running_;
  return true;
}

void InstanceGroup::RunHere(QueuedCall& call) noexcept {
  scheduler_->PrepareThisThread(options_.threads_per_instance);
  RunAlone(call);
  const absl::Time until = scheduler_->clock_->Now() + kRunsOthers;
  while (true) {
    BatchQueue::Taken next;
    {
      MutexLock lock(&mutex_);
      const bool goes_on = !queue_.empty() && scheduler_->clock_->Now() < until;
      if (goes_on && IsFast() && queue_.all_light() && !stopped_) next = TakeNext(/*linger=*/false);
      if (next.calls.empty()) {
        --running_;
        // One that cannot be started now is tried for again with the next request.
        if (!queue_.empty()) WakeOne().IgnoreError();
        return;
      }
    }
    Run(next.calls);
  }
}

BatchQueue::Taken InstanceGroup::TakeNext(bool linger) {
  // Where there is no memory to take them in, they stay, and are looked at again with the next request.
  try {
    return queue_.Take(scheduler_->clock_->Now(), linger, times_[kForward].likely_most());
  } catch (const std::bad_alloc&) {
    return {};
  }
}

absl::Status InstanceGroup::Enqueue(QueuedCall* call, absl::Time now, TakenOut* taken_out) {
  WaitingCall waiting{
      .call = call, .rows = 1, .bytes = call->bytes, .arrived = now, .is_light = IsLight(*call)};
  std::optional<BatchKey> key;
  const bool joins = joins_.load(std::memory_order_relaxed) && call->session == nullptr;
  if (joins && call->method == kForward) {
    std::optional<BatchPart> part = PartOf(*options_.batching, call->arguments);
    // What is larger than a batch runs alone: its rows are never added to others.
    if (part.has_value() && part->rows <= options_.batch.max_rows) {
      key = std::move(part->key);
      waiting.rows = part->rows;
    }
  }
  MutexLock lock(&mutex_);
  if (stopped_) return RequestScheduler::StoppedError();
  absl::Status room = CheckRoom(waiting.bytes, queue_.size());
  if (!room.ok() && now >= sweep_again_) {
    sweep_again_ = now + kSweepAgain;
    taken_out->unwanted =
        queue_.Remove([&](const QueuedCall& other) { return other.deadline <= now || other.Cancelled(); });
    room = CheckRoom(waiting.bytes, queue_.size());
  }
  if (!room.ok() && !CheckRoom(waiting.bytes, queue_.SizeBefore(call->priority)).ok()) return room;
  // What finds an idle instance is always run, and so the averages follow where a model has become faster.
  const absl::Duration wait = EstimatedWait(call->priority, key.has_value());
  const absl::Duration run = times_[call->method].likely_most();
  if (wait > absl::ZeroDuration() && now + wait + run > call->deadline) {
    return absl::DeadlineExceededError(absl::StrCat(
        "the deadline in ", Milliseconds(call->deadline - now),
        " cannot be met: ", queue_.SizeBefore(call->priority).calls, " requests wait, for about ",
        Milliseconds(wait), ", and a run takes up to ", Milliseconds(run)));
  }
  if (threads_.empty() && running_ == 0) {
    if (absl::Status started = WakeOne(); !started.ok()) return started;
  }
  while (!room.ok()) {
    taken_out->full = std::move(room);
    taken_out->displaced.push_back(nullptr);  // first, so that none is taken and lost
    taken_out->displaced.back() = queue_.TakeLessUrgent(call->priority);
    room = CheckRoom(waiting.bytes, queue_.size());
  }
  const bool worth_it = queue_.Push(waiting, key);
  // Who runs looks at the queue before it gives its instance back, and a fast model's is back soon.
  const bool is_waited_for = lingering_ ? worth_it : !(IsFast() && running_ > 0);
  if (running_ < options_.instances && is_waited_for) WakeOne().IgnoreError();
  return absl::OkStatus();
}

absl::Status InstanceGroup::CheckRoom(int64_t bytes, BatchQueue::Size waiting) const {
  std::string full;
  if (waiting.calls >= options_.max_queue_calls) {
    full = absl::StrCat(waiting.calls, " requests wait (limit ", options_.max_queue_calls,
                        "); try again later, or raise --max-queue");
  } else if (waiting.calls > 0 && waiting.bytes + bytes > options_.max_queue_bytes) {
    full = absl::StrCat("requests of ", waiting.bytes, " bytes wait (limit ", options_.max_queue_bytes,
                        "); try again later, or raise --max-queue-mib");
  } else {
    return absl::OkStatus();
  }
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat("the queue is full: ", full));
  SetRetryAfter(std::max(EstimatedWait(Priority::kLow, /*joins=*/false) / 2, kRetrySoonest), status);
  return status;
}

absl::Duration InstanceGroup::EstimatedWait(Priority priority, bool joins) const {
  // What the others are is not looked at: they may all be of the quickest method.
  absl::Duration run = absl::InfiniteDuration(), call = absl::InfiniteDuration();
  for (const RunTimes& times : times_) {
    if (times.typical() == absl::ZeroDuration()) continue;
    run = std::min(run, times.typical());
    call = std::min(call, times.of_call());
  }
  if (run == absl::InfiniteDuration()) return absl::ZeroDuration();
  const int64_t before = static_cast<int64_t>(queue_.SizeBefore(priority).calls);
  const int64_t idle = options_.instances - running_;
  if (before < idle) return absl::ZeroDuration();
  // Of the runs in progress the next ends after about this.
  const absl::Duration next = idle > 0 ? absl::ZeroDuration() : run / (options_.instances + 1);
  const int64_t in_turn = before - idle;
  // Only whole batches go before a request that may join one.
  const absl::Duration others = joins ? run * (in_turn / options_.batch.max_rows) : call * in_turn;
  return next + others / options_.instances;
}

absl::Status InstanceGroup::WakeOne() {
  if (idle_ > 0) {
    work_.Signal();
    return absl::OkStatus();
  }
  if (static_cast<int>(threads_.size()) >= options_.instances || stopped_) return absl::OkStatus();
  try {
    threads_.emplace_back([this, instance = static_cast<int>(threads_.size())] { InstanceLoop(instance); });
  } catch (const std::exception& error) {            // std::system_error, std::bad_alloc
    if (!threads_.empty()) return absl::OkStatus();  // the others do its work
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread can be started: ", error.what(), "; raise the limit of threads"));
  }
  return absl::OkStatus();
}

// --- The group's threads ---

void InstanceGroup::InstanceLoop(int instance) {
  if (!options_.pin_to.empty() &&
      !HoldThisThreadTo(CpusOfInstance(options_.pin_to, instance, options_.threads_per_instance))) {
    LogWarning("an instance is not held to its CPUs: the kernel refuses", {{"version", options_.name}});
  }
  YieldToIo();
  (void)::pthread_setname_np(::pthread_self(), options_.name.substr(0, kMaxThreadName).c_str());
  scheduler_->PrepareThisThread(options_.threads_per_instance);
  bool just_ran = false;
  while (true) {
    BatchQueue::Taken next = Next(just_ran);
    if (next.calls.empty()) return;
    Run(next.calls);
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
      BatchQueue::Taken taken = TakeNext(linger);
      if (!taken.calls.empty()) {
        ++running_;
        // Who brought what is left may have found no thread idle.
        if (!queue_.empty() && running_ < options_.instances) WakeOne().IgnoreError();
        return taken;
      }
      wait = taken.look_again - scheduler_->clock_->Now();
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
  if (call.deadline <= now)
    return absl::DeadlineExceededError(
        absl::StrCat("the deadline passed ", now > waiting.arrived ? "while the request waited in the queue"
                                                                   : "before the request was queued"));
  // Of those that waited for others only: see Enqueue.
  const absl::Duration run = times_[call.method].likely_most();
  if (now - waiting.arrived > run / 2 && call.deadline - now < run) {
    return absl::DeadlineExceededError(absl::StrCat("the deadline in ", Milliseconds(call.deadline - now),
                                                    " cannot be met any more: a run takes ",
                                                    Milliseconds(run)));
  }
  return absl::OkStatus();
}

void InstanceGroup::Run(std::vector<WaitingCall>& calls) {
  std::erase_if(calls, [&](const WaitingCall& waiting) { return !IsStillWanted(waiting); });
  if (calls.size() > 1) return RunTogether(calls);
  for (const WaitingCall& waiting : calls) RunAlone(*waiting.call);
}

bool InstanceGroup::IsStillWanted(const WaitingCall& waiting) {
  absl::Status why_not = WhyNot(waiting, scheduler_->clock_->Now());
  if (why_not.ok()) return true;
  scheduler_->Answer(*waiting.call, {.value = std::move(why_not)});
  return false;
}

absl::StatusOr<Value> InstanceGroup::CallModel(Executable& executable, size_t method,
                                               std::vector<Value> arguments) {
  const RequestScheduler::Running running(*scheduler_, options_.threads_per_instance);
  // That memory ran out ends one request, not the daemon.
  try {
    return executable.Run(method, std::move(arguments));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for this request; send smaller tensors or try again");
  }
}

void InstanceGroup::RunAlone(QueuedCall& call, const absl::Status& joined) {
  scheduler_->NoteBegun(1);
  const int64_t rows = options_.batching.has_value() && call.method == kForward
                           ? RowsOf(*options_.batching, call.arguments)
                           : 1;
  call.Begin();
  const absl::Duration begin = scheduler_->clock_->Steady();
  absl::StatusOr<Value> value = CallModel(call.session == nullptr ? *executable_ : *call.session, call.method,
                                          std::move(call.arguments));
  const absl::Duration took = scheduler_->clock_->Steady() - begin;
  // The batch was the end of the engine (Engine::health), and this call may be why: "try another server"
  // would have it end the next one.
  if (absl::IsUnavailable(value.status()) && absl::IsInternal(joined)) value = joined;
  NoteBusy(absl::ToInt64Nanoseconds(took));
  if (value.ok()) times_[call.method].Note(took, 1, IsLight(call));
  scheduler_->Answer(call, {.value = std::move(value),
                            .ran = true,
                            .nanoseconds = absl::ToInt64Nanoseconds(took),
                            .batch_rows = 0,
                            .run_nanoseconds = absl::ToInt64Nanoseconds(took),
                            .rows = rows,
                            .counts_run = true});
}

void InstanceGroup::RunTogether(const std::vector<WaitingCall>& calls) {
  scheduler_->NoteBegun(calls.size());
  int64_t rows = 0;
  for (const WaitingCall& waiting : calls) {
    waiting.call->Begin();
    rows += waiting.rows;
  }
  int64_t nanoseconds = 0;
  absl::StatusOr<std::vector<Value>> parts = RunJoined(calls, rows, &nanoseconds);
  if (!parts.ok()) {
    // One of them may be the only one at fault.
    for (const WaitingCall& waiting : calls) {
      if (IsStillWanted(waiting)) RunAlone(*waiting.call, parts.status());
    }
    return;
  }
  times_[kForward].Note(absl::Nanoseconds(nanoseconds), calls.size(), /*light=*/true);
  for (size_t i = 0; i < calls.size(); ++i) {
    scheduler_->Answer(*calls[i].call, {.value = std::move((*parts)[i]),
                                        .ran = true,
                                        .nanoseconds = nanoseconds * calls[i].rows / rows,
                                        .batch_rows = rows,
                                        .run_nanoseconds = nanoseconds,
                                        .rows = calls[i].rows,
                                        .counts_run = i == 0});
  }
}

absl::StatusOr<std::vector<Value>> InstanceGroup::RunJoined(const std::vector<WaitingCall>& calls,
                                                            int64_t rows, int64_t* nanoseconds) {
  try {
    std::vector<const std::vector<Value>*> requests;
    std::vector<int64_t> rows_of_each;
    int64_t bytes = 0;
    for (const WaitingCall& waiting : calls) {
      requests.push_back(&waiting.call->arguments);
      rows_of_each.push_back(waiting.rows);
      bytes += waiting.bytes;
    }
    const int64_t total = RowsAfterPadding(rows, bytes);
    std::vector<Value> arguments = JoinRows(*options_.batching, requests, total - rows);
    const absl::Duration begin = scheduler_->clock_->Steady();
    const absl::StatusOr<Value> result = CallModel(*executable_, kForward, std::move(arguments));
    *nanoseconds = absl::ToInt64Nanoseconds(scheduler_->clock_->Steady() - begin);
    NoteBusy(*nanoseconds);
    if (!result.ok()) return result.status();
    absl::StatusOr<std::vector<Value>> parts = SplitRows(*result, rows_of_each, total);
    if (!parts.ok() && joins_.exchange(false)) {
      LogError("requests are not joined any more", {{"version", options_.name}, {"error", parts.status()}});
    }
    return parts;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for a batch");
  }
}

int64_t InstanceGroup::RowsAfterPadding(int64_t rows, int64_t bytes) const {
  if (!options_.pad_batches) return rows;
  const std::vector<int64_t>& sizes = options_.batch.preferred_rows;
  const auto fits = std::lower_bound(sizes.begin(), sizes.end(), rows);
  if (fits == sizes.end()) return rows;
  // Few rows may be large ones.
  const bool is_small = *fits <= 2 * rows || bytes / rows * *fits <= kPaddedFreelyBytes;
  return is_small ? *fits : rows;
}

}  // namespace modeld
