// What the allocator keeps of what was freed.
#pragma once

#include <cstdint>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "registry/base/mutex.h"

namespace modeld {

// Gives it back to the system. Allocators keep it for later use: after a model is destroyed that is most of
// what it took, and what loading it took besides. Takes milliseconds. Thread-safe.
void ReturnFreeMemory();

// Of what the allocator kept whenever one looked, in bytes, how much is to be given back: what lay unused all
// the while, but for some that is soon used again. Pure.
int64_t BytesToReturn(absl::Span<const int64_t> kept);

// Gives back, while it lives, what nothing has used for a while: a burst of large requests would else be the
// daemon's size until a version is let go. Without effect where the allocator is not tcmalloc.
class FreeMemoryReturner {
 public:
  // `interval`: between two looks; something is given back after several.
  explicit FreeMemoryReturner(absl::Duration interval = absl::Seconds(5));
  ~FreeMemoryReturner();
  FreeMemoryReturner(const FreeMemoryReturner&) = delete;
  FreeMemoryReturner& operator=(const FreeMemoryReturner&) = delete;

 private:
  void Loop();
  bool IsStoppedWithin(absl::Duration time);

  const absl::Duration interval_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace modeld
