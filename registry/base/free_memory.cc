#include "registry/base/free_memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <vector>

// Of tcmalloc, as its malloc_extension_c.h has them; null where the program is not linked with it.
extern "C" {
[[gnu::weak]] void MallocExtension_ReleaseFreeMemory();
[[gnu::weak]] void MallocExtension_ReleaseToSystem(size_t bytes);
[[gnu::weak]] int MallocExtension_GetNumericProperty(const char* property, size_t* value);
}

namespace modeld {
namespace {

// What a run of a large model takes: to fault its pages in anew costs it milliseconds.
constexpr int64_t kSoonUsedAgain = int64_t{256} << 20;
constexpr size_t kLooks = 6;
// The allocator is locked meanwhile: what is given back at once holds up whoever allocates.
constexpr int64_t kPiece = int64_t{8} << 20;

int64_t KeptBytes() {
  size_t bytes = 0;
  if (MallocExtension_GetNumericProperty == nullptr ||
      MallocExtension_GetNumericProperty("tcmalloc.pageheap_free_bytes", &bytes) == 0) {
    return 0;
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace

void ReturnFreeMemory() {
  if (MallocExtension_ReleaseFreeMemory != nullptr) MallocExtension_ReleaseFreeMemory();
#ifdef __GLIBC__
  (void)::malloc_trim(0);
#endif
}

int64_t BytesToReturn(absl::Span<const int64_t> kept) {
  if (kept.empty()) return 0;
  return std::max<int64_t>(0, *std::min_element(kept.begin(), kept.end()) - kSoonUsedAgain);
}

FreeMemoryReturner::FreeMemoryReturner(absl::Duration interval)
    : interval_(interval), thread_([this] { Loop(); }) {}

FreeMemoryReturner::~FreeMemoryReturner() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

bool FreeMemoryReturner::IsStoppedWithin(absl::Duration time) {
  MutexLock lock(&mutex_);
  if (!stopping_ && time > absl::ZeroDuration()) changed_.WaitWithTimeout(&mutex_, time);
  return stopping_;
}

void FreeMemoryReturner::Loop() {
  if (MallocExtension_ReleaseToSystem == nullptr) return;
  std::vector<int64_t> kept;
  while (!IsStoppedWithin(interval_)) {
    kept.push_back(KeptBytes());
    if (kept.size() < kLooks) continue;
    int64_t left = BytesToReturn(kept);
    for (; left > 0 && !IsStoppedWithin(absl::ZeroDuration()); left -= kPiece) {
      MallocExtension_ReleaseToSystem(static_cast<size_t>(std::min(left, kPiece)));
    }
    kept.clear();
  }
}

}  // namespace modeld
