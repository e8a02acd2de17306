#include "daemon/lifecycle/sequences.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/version_call.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {

// Guarded by the mutex of Sequences, but for `session`, which belongs to whose turn it is.
struct Sequences::Sequence {
  Key key;
  // Before the session, which shares memory with it.
  VersionHandle version;
  std::unique_ptr<Executable> session;
  std::deque<QueuedCall*> waiting;
  bool busy = false;  // a call has its turn
  // Of a turn that begins; of whose turn it is.
  QueuedCall* due = nullptr;
  std::shared_ptr<Sequence> due_after;
  absl::Time last_used;
};

// Held by the call whose turn it is; letting it go makes it the next one's.
class Sequences::Turn {
 public:
  Turn(Sequences* sequences, std::shared_ptr<Sequence> sequence)
      : sequences_(sequences), sequence_(std::move(sequence)) {}
  ~Turn() { sequences_->EndTurn(sequence_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Sequences* const sequences_;
  const std::shared_ptr<Sequence> sequence_;
};

Sequences::Sequences(const Clock* clock, SequenceLimits limits) : clock_(clock), limits_(limits) {}

Sequences::~Sequences() { Stop(); }

absl::Status Sequences::NotBegun(const SequenceStep& step) const {
  return absl::FailedPreconditionError(absl::StrCat(
      "sequence ", Quote(step.id), " of model ", Quote(step.model), " was not begun, or was given up after ",
      absl::ToInt64Seconds(limits_.idle), " s without a request; begin it with sequence_start"));
}

absl::StatusOr<VersionHandle> Sequences::Find(const SequenceStep& step) const {
  MutexLock lock(&mutex_);
  const auto found = sequences_.find({step.model, step.id});
  if (found == sequences_.end()) return NotBegun(step);
  return found->second->version;
}

absl::Status Sequences::Begin(const SequenceStep& step, const VersionHandle& version,
                              std::shared_ptr<Sequence>* sequence) {
  auto begun = std::make_shared<Sequence>();
  begun->key = {step.model, step.id};
  begun->version = version;
  absl::StatusOr<std::unique_ptr<Executable>> session = version->executable->NewSession();
  if (!session.ok()) return About(*version, session.status());
  begun->session = *std::move(session);
  *sequence = std::move(begun);
  return absl::OkStatus();
}

absl::Status Sequences::Submit(const SequenceStep& step, const VersionHandle& version, QueuedCall* call) {
  std::shared_ptr<Sequence> sequence;
  std::shared_ptr<Sequence> replaced;  // let go outside of the lock
  if (step.start) MODELD_RETURN_IF_ERROR(Begin(step, version, &sequence));
  {
    MutexLock lock(&mutex_);
    if (stopped_) return absl::UnavailableError("the daemon is shutting down");
    const Key key{step.model, step.id};
    const auto found = sequences_.find(key);
    if (step.start) {
      // First: where there is no thread for it, nothing was begun.
      if (!idle_thread_.joinable()) idle_thread_ = std::thread([this] { IdleLoop(); });
      if (found == sequences_.end() && sequences_.size() >= limits_.max_sequences) {
        return absl::ResourceExhaustedError(absl::StrCat(sequences_.size(), " sequences are open (limit ",
                                                         limits_.max_sequences,
                                                         "); end some, or raise --max-sequences"));
      }
      if (found != sequences_.end()) replaced = std::move(found->second);
      sequences_[key] = sequence;
    } else if (found == sequences_.end()) {
      return NotBegun(step);
    } else {
      sequence = found->second;
    }
    if (sequence->busy && sequence->waiting.size() >= limits_.max_waiting) {
      return absl::ResourceExhaustedError(absl::StrCat(sequence->waiting.size(), " requests of sequence ",
                                                       Quote(step.id), " wait (limit ", limits_.max_waiting,
                                                       "); send the next one when one is answered"));
    }
    sequence->last_used = clock_->Now();
    const bool waits = std::exchange(sequence->busy, true);
    if (waits) sequence->waiting.push_back(call);
    // From now on, not when it is answered: who has the answer may send the next one before that.
    if (step.end) sequences_.erase(key);
    if (waits) return absl::OkStatus();
  }
  BeginTurn(std::move(sequence), call);
  return absl::OkStatus();
}

void Sequences::BeginTurn(std::shared_ptr<Sequence> sequence, QueuedCall* call) {
  // Those whose turn begins on this thread. A call that is refused at once ends its turn within Run: were the
  // next begun there, the stack would be as deep as calls are refused one after the other.
  static thread_local std::shared_ptr<Sequence>* due_here = nullptr;
  sequence->due = call;
  if (due_here != nullptr) {
    sequence->due_after = std::move(*due_here);
    *due_here = std::move(sequence);
    return;
  }
  std::shared_ptr<Sequence> due = std::move(sequence);
  due_here = &due;
  while (due != nullptr) {
    std::shared_ptr<Sequence> next = std::move(due);
    due = std::move(next->due_after);
    QueuedCall* const due_call = next->due;
    Run(std::move(next), due_call);
  }
  due_here = nullptr;
}

void Sequences::Run(std::shared_ptr<Sequence> sequence, QueuedCall* call) {
  // Beside the call and its turn, which may be gone before Submit returns.
  const VersionHandle version = sequence->version;
  std::shared_ptr<Turn> turn;
  try {
    turn = std::make_shared<Turn>(this, sequence);
  } catch (const std::bad_alloc&) {
    call->Answer({.value = absl::ResourceExhaustedError("out of memory for the sequence; try again later")});
    return EndTurn(sequence);
  }
  call->session = sequence->session.get();
  sequence.reset();
  call->turn = std::move(turn);
  version->instances->Submit(call);
}

void Sequences::EndTurn(const std::shared_ptr<Sequence>& sequence) {
  QueuedCall* next = nullptr;
  {
    MutexLock lock(&mutex_);
    sequence->last_used = clock_->Now();
    if (sequence->waiting.empty()) {
      sequence->busy = false;
    } else {
      next = sequence->waiting.front();
      sequence->waiting.pop_front();
    }
  }
  if (next != nullptr) BeginTurn(sequence, next);
}

std::vector<std::shared_ptr<Sequences::Sequence>> Sequences::TakeIdle(absl::Time now) {
  std::vector<std::shared_ptr<Sequence>> idle;
  for (auto sequence = sequences_.begin(); sequence != sequences_.end();) {
    if (sequence->second->busy || now - sequence->second->last_used < limits_.idle) {
      ++sequence;
      continue;
    }
    idle.push_back(std::move(sequence->second));
    sequence = sequences_.erase(sequence);
  }
  return idle;
}

void Sequences::GiveUpIdle() {
  std::vector<std::shared_ptr<Sequence>> idle;  // let go outside of the lock
  {
    MutexLock lock(&mutex_);
    idle = TakeIdle(clock_->Now());
  }
  for (const std::shared_ptr<Sequence>& sequence : idle) {
    LogInfo("sequence given up", {{"model", sequence->key.first},
                                  {"version", sequence->version->version},
                                  {"sequence_id", sequence->key.second}});
  }
}

void Sequences::IdleLoop() {
  const absl::Duration look_again = std::clamp(limits_.idle / 4, absl::Milliseconds(100), absl::Seconds(10));
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!stopped_) changed_.WaitWithTimeout(&mutex_, look_again);
      if (stopped_) return;
    }
    GiveUpIdle();
  }
}

void Sequences::Stop() {
  std::map<Key, std::shared_ptr<Sequence>> open;  // let go outside of the lock
  std::thread idle_thread;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    open.swap(sequences_);
    idle_thread.swap(idle_thread_);
    changed_.SignalAll();
  }
  if (idle_thread.joinable()) idle_thread.join();
}

size_t Sequences::open() const {
  MutexLock lock(&mutex_);
  return sequences_.size();
}

}  // namespace modeld
