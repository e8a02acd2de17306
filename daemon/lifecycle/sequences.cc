#include "daemon/lifecycle/sequences.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/memory_plan.h"
#include "daemon/lifecycle/version_call.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {

// Guarded by the mutex of Sequences, but for `session`, which belongs to whose turn it is.
struct Sequences::Sequence {
  Key key;
  bool open = false;   // in the map
  bool ended = false;  // by its last request
  // Of the session's state, after the last turn. Counted from when it is open until, not open any more, it
  // has no turn.
  int64_t bytes = 0;
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
  ~Turn() { sequences_->EndTurn(sequence_, /*taken=*/true); }
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
  begun->bytes = begun->session->StateBytes();
  *sequence = std::move(begun);
  return absl::OkStatus();
}

absl::Status Sequences::RoomFor(const Key& key, int64_t bytes) const {
  const auto replaced = sequences_.find(key);
  // One that has turns left stays until then.
  const bool goes = replaced != sequences_.end() && !replaced->second->busy;
  const size_t others = sequences_.size() + closing_ - (goes ? 1 : 0);
  const int64_t their_bytes = bytes_ - (goes ? replaced->second->bytes : 0);
  if (others >= limits_.max_sequences) {
    return absl::ResourceExhaustedError(absl::StrCat(others, " sequences are open (limit ",
                                                     limits_.max_sequences,
                                                     "); end some, or raise --max-sequences"));
  }
  // One alone may be as large as it is.
  if (others == 0 || their_bytes + bytes <= limits_.max_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("a sequence whose state takes ", Megabytes(bytes), " has no room beside the ", others,
                   " that are open and take ", Megabytes(their_bytes), " (limit ",
                   Megabytes(limits_.max_bytes), "); end some, or raise --max-sequences-mib"));
}

absl::Status Sequences::CheckRoomFor(const Key& key, int64_t bytes) const {
  MutexLock lock(&mutex_);
  return RoomFor(key, bytes);
}

std::shared_ptr<Sequences::Sequence> Sequences::Remove(const Key& key) {
  const auto found = sequences_.find(key);
  if (found == sequences_.end()) return nullptr;
  std::shared_ptr<Sequence> sequence = std::move(found->second);
  sequences_.erase(found);
  sequence->open = false;
  if (sequence->busy) {
    ++closing_;
  } else {
    bytes_ -= sequence->bytes;
  }
  return sequence;
}

absl::Status Sequences::MayTakeTurn(const Sequence& sequence) const {
  MutexLock lock(&mutex_);
  if (bytes_ <= limits_.max_bytes || (sequence.ended && sequence.waiting.empty())) return absl::OkStatus();
  const size_t all = sequences_.size() + closing_;
  const int64_t share = limits_.max_bytes / static_cast<int64_t>(all);
  if (sequence.bytes <= std::max(share, sequence.version->executable->StateBytes())) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the state of sequence ", Quote(sequence.key.second), " has grown to ", Megabytes(sequence.bytes),
      ", more than an equal share of what all open ones, ", all, ", may take together (limit ",
      Megabytes(limits_.max_bytes), "); end it or others, or raise --max-sequences-mib"));
}

absl::Status Sequences::Submit(const SequenceStep& step, const VersionHandle& version, QueuedCall* call) {
  const Key key{step.model, step.id};
  std::shared_ptr<Sequence> sequence;
  std::shared_ptr<Sequence> replaced;  // let go outside of the lock
  if (step.start) {
    // Also before its state is copied, for nothing.
    MODELD_RETURN_IF_ERROR(CheckRoomFor(key, version->executable->StateBytes()));
    MODELD_RETURN_IF_ERROR(Begin(step, version, &sequence));
  }
  {
    MutexLock lock(&mutex_);
    if (stopped_) return absl::UnavailableError("the daemon is shutting down");
    if (step.start) {
      // First: where there is no thread for it, nothing was begun.
      if (!idle_thread_.joinable()) idle_thread_ = std::thread([this] { IdleLoop(); });
      MODELD_RETURN_IF_ERROR(RoomFor(key, sequence->bytes));
      replaced = Remove(key);
      sequences_[key] = sequence;
      sequence->open = true;
      sequence->last_used = clock_->Now();
      bytes_ += sequence->bytes;
    } else if (const auto found = sequences_.find(key); found != sequences_.end()) {
      sequence = found->second;
    } else {
      return NotBegun(step);
    }
    if (sequence->busy && sequence->waiting.size() >= limits_.max_waiting) {
      return absl::ResourceExhaustedError(absl::StrCat(sequence->waiting.size(), " requests of sequence ",
                                                       Quote(step.id), " wait (limit ", limits_.max_waiting,
                                                       "); send the next one when one is answered"));
    }
    if (sequence->busy && waiting_bytes_ > 0 && waiting_bytes_ + call->bytes > limits_.max_waiting_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "requests that wait for their turn in a sequence take ", Megabytes(waiting_bytes_), ", and one of ",
          Megabytes(call->bytes), " has no room beside them (limit ", Megabytes(limits_.max_waiting_bytes),
          "); send the next one when one is answered, or raise --max-queue-mib"));
    }
    const bool waits = std::exchange(sequence->busy, true);
    if (waits) {
      sequence->waiting.push_back(call);
      waiting_bytes_ += call->bytes;
    }
    // From now on, not when it is answered: who has the answer may send the next one before that.
    if (step.end) {
      sequence->ended = true;
      (void)Remove(key);
    }
    if (waits) return absl::OkStatus();
  }
  replaced.reset();
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
  if (absl::Status may = MayTakeTurn(*sequence); !may.ok()) {
    call->Answer({.value = std::move(may)});
    return EndTurn(sequence, /*taken=*/false);
  }
  std::shared_ptr<Turn> turn;
  try {
    turn = std::make_shared<Turn>(this, sequence);
  } catch (const std::bad_alloc&) {
    call->Answer({.value = absl::ResourceExhaustedError("out of memory for the sequence; try again later")});
    return EndTurn(sequence, /*taken=*/false);
  }
  call->session = sequence->session.get();
  sequence.reset();
  call->turn = std::move(turn);
  version->instances->Submit(call);
}

void Sequences::EndTurn(const std::shared_ptr<Sequence>& sequence, bool taken) {
  QueuedCall* next = nullptr;
  const int64_t bytes = sequence->session->StateBytes();
  {
    MutexLock lock(&mutex_);
    bytes_ += bytes - sequence->bytes;
    sequence->bytes = bytes;
    if (taken) sequence->last_used = clock_->Now();
    if (sequence->waiting.empty()) {
      sequence->busy = false;
      if (!sequence->open) {
        bytes_ -= sequence->bytes;
        --closing_;
      }
    } else {
      next = sequence->waiting.front();
      waiting_bytes_ -= next->bytes;
      sequence->waiting.pop_front();
    }
  }
  if (next != nullptr) BeginTurn(sequence, next);
}

std::vector<std::shared_ptr<Sequences::Sequence>> Sequences::TakeIdle(absl::Time now) {
  std::vector<std::shared_ptr<Sequence>> idle;
  for (const auto& [key, sequence] : sequences_) {
    if (!sequence->busy && now - sequence->last_used >= limits_.idle) idle.push_back(sequence);
  }
  for (const std::shared_ptr<Sequence>& sequence : idle) (void)Remove(sequence->key);
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
  std::vector<std::shared_ptr<Sequence>> open;  // let go outside of the lock
  std::thread idle_thread;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    while (!sequences_.empty()) open.push_back(Remove(Key(sequences_.begin()->first)));
    idle_thread.swap(idle_thread_);
    changed_.SignalAll();
  }
  if (idle_thread.joinable()) idle_thread.join();
}

int64_t Sequences::bytes() const {
  MutexLock lock(&mutex_);
  return bytes_;
}

size_t Sequences::open() const {
  MutexLock lock(&mutex_);
  return sequences_.size();
}

}  // namespace modeld
