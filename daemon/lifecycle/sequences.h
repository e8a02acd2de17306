// Sequences: requests that share what a module writes to its attributes.
//
// Requests of a sequence run one after the other, in the order in which they came, on one session of the
// version that the sequence began with: a version that goes live meanwhile does not tear it apart. A sequence
// ends by its last request, or is given up where none came for a while; until then it keeps its version in
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/scheduling/queued_call.h"
#include "registry/base/clock.h"
#include "registry/base/mutex.h"

namespace modeld {

struct SequenceLimits {
  size_t max_sequences = 1024;              // that are open, of all models together
  size_t max_waiting = 64;                  // requests of one sequence, beside the one that runs
  int64_t max_waiting_bytes = 256ll << 20;  // of the waiting requests of all sequences together
  int64_t max_bytes = 1ll << 30;  // of the states of all open sequences together; one alone may take more
  absl::Duration idle = absl::Seconds(60);
};

// A request's place in a sequence.
struct SequenceStep {
  std::string model;
  std::string id;
  bool start = false;  // begins anew, whatever was there under this id
  bool end = false;    // the last one
};

// Thread-safe.
class Sequences {
 public:
  // `clock` outlives it.
  Sequences(const Clock* clock, SequenceLimits limits);
  // Stop.
  ~Sequences();
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;

  // The version that the sequence runs on. FAILED_PRECONDITION: it was not begun, or was given up.
  absl::StatusOr<VersionHandle> Find(const SequenceStep& step) const;

  // Has `call` run when its turn comes, on `version` where it begins a sequence, else on the sequence's own.
  // OK: the call is answered some time; with RESOURCE_EXHAUSTED where, when its turn comes, the states of all
  // take too much memory and this one has grown to more than its share, unless it is the last one. Errors,
  // and then it never is: FAILED_PRECONDITION as Find; RESOURCE_EXHAUSTED: too many sequences, or no memory
  // for the state of one more, or too many requests of this one wait; UNIMPLEMENTED: the module's state
  // cannot be copied; UNAVAILABLE: stopped.
  absl::Status Submit(const SequenceStep& step, const VersionHandle& version, QueuedCall* call);

  // Gives up what has been idle for too long. A thread of this does so by itself; for tests that move the
  // clock.
  void GiveUpIdle();
  // Lets all sequences go, and their versions. Call it when no request runs any more.
  void Stop();
  size_t open() const;
  // What the states of those that are open, or have requests left, take, by Executable::StateBytes.
  int64_t bytes() const;

 private:
  struct Sequence;
  class Turn;
  using Key = std::pair<std::string, std::string>;  // model, id

  absl::Status Begin(const SequenceStep& step, const VersionHandle& version,
                     std::shared_ptr<Sequence>* sequence);
  absl::Status NotBegun(const SequenceStep& step) const;
  // Whether one whose state takes `bytes` may begin under `key`, in the place of the one that is there.
  absl::Status RoomFor(const Key& key, int64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRoomFor(const Key& key, int64_t bytes) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether its state has not grown at the expense of the others'.
  absl::Status MayTakeTurn(const Sequence& sequence) const ABSL_LOCKS_EXCLUDED(mutex_);
  // It is open no more; null if it was not.
  std::shared_ptr<Sequence> Remove(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Hands a call of the sequence, whose turn it is, to the version's instances: at once, or when this thread
  // has begun the turn that it is about to begin. Not under the lock.
  void BeginTurn(std::shared_ptr<Sequence> sequence, QueuedCall* call);
  void Run(std::shared_ptr<Sequence> sequence, QueuedCall* call);
  // The call whose turn it was is answered; or it was refused, and that was none.
  void EndTurn(const std::shared_ptr<Sequence>& sequence, bool taken);
  void IdleLoop();
  std::vector<std::shared_ptr<Sequence>> TakeIdle(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  const SequenceLimits limits_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<Key, std::shared_ptr<Sequence>> sequences_ ABSL_GUARDED_BY(mutex_);  // that are open
  size_t closing_ ABSL_GUARDED_BY(mutex_) = 0;  // not open any more, but with turns left
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;   // of the states of both
  int64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread idle_thread_ ABSL_GUARDED_BY(mutex_);  // started with the first sequence
};

}  // namespace modeld
