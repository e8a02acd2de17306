// QueuedCall: one request to a version, from when it is submitted until it is answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/value.h"

namespace modeld {

// Of requests that wait, the more urgent go first, however long the others wait.
enum class Priority { kHigh, kNormal, kLow };
inline constexpr size_t kPriorities = 3;

// What became of a call.
struct CallOutcome {
  // What the model returned, or why not: Executable::Run's errors, or that it was not run: DEADLINE_EXCEEDED,
  // CANCELLED, RESOURCE_EXHAUSTED (the queue is full; see retry_after.h), UNAVAILABLE (shutting down).
  absl::StatusOr<Value> value;
  bool ran = false;         // the model was called, for this call alone or in a batch
  int64_t nanoseconds = 0;  // the model's own time; of a batch, the share of the call's rows
  int64_t batch_rows = 0;   // of the batch that it ran in; 0: it ran alone
  // Of the run that it was part of, alone or in a batch.
  int64_t run_nanoseconds = 0;
  int64_t rows = 1;         // of the call; 1 where it has none
  bool counts_run = false;  // of the calls of one run, the one by which the run is counted
};

// Owned by who submits it, who keeps it alive until Answer is called. Touched by one thread at a time.
class QueuedCall {
 public:
  size_t method = 0;             // index in the executable's methods
  std::vector<Value> arguments;  // from BindArguments; taken by the run
  absl::Time deadline = absl::InfiniteFuture();
  Priority priority = Priority::kNormal;
  int64_t bytes = 0;  // of memory that the call holds while it waits
  // Runs the call in place of the version's own executable, alone; null: none. Outlives the call.
  Executable* session = nullptr;
  // Whose turn it is: to be let go when the call is answered. Null: nobody waits for it.
  std::shared_ptr<void> turn;

  // Whether the caller has gone. May be asked by any thread at any time before Answer.
  virtual bool Cancelled() const = 0;
  // Just before the arguments are used, on the thread that runs them; again if they are run again.
  virtual void Begin() = 0;
  // Exactly once, on any thread, perhaps before Submit returns. The call may be gone when it returns.
  virtual void Answer(CallOutcome outcome) = 0;

 protected:
  ~QueuedCall() = default;
};

}  // namespace modeld
