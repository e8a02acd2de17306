// BatchQueue: the requests that wait for one version, and which of them run next. No threads, no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "daemon/scheduling/batching.h"
#include "daemon/scheduling/queued_call.h"

namespace modeld {

struct BatchLimits {
  int64_t max_rows = 1;  // of a batch; 1: requests are not joined
  // How long a request may be kept for a fuller batch by an instance that has just ended one.
  absl::Duration max_delay = absl::ZeroDuration();
  // Sizes worth waiting for, and taken where more are there; ascending, none above max_rows. Empty: max_rows.
  std::vector<int64_t> preferred_rows;
};

struct WaitingCall {
  QueuedCall* call = nullptr;
  int64_t rows = 1;
  int64_t bytes = 0;
  absl::Time arrived;
  bool is_light = true;  // as quick as the model usually is
};

// Requests that may share a batch wait in one bucket; those that share one with nobody wait in a bucket for
// them all, and run one by one. Of the buckets that have something to run the most urgent request goes first,
// then the one that waited longest: no bucket waits for another to fill. Within a bucket, too.
//
// Not thread-safe.
class BatchQueue {
 public:
  explicit BatchQueue(BatchLimits limits) : limits_(std::move(limits)) {}

  struct Size {
    size_t calls = 0;
    int64_t bytes = 0;
  };
  Size size() const { return SizeBefore(Priority::kLow); }
  // Of this priority, and of those that go before it.
  Size SizeBefore(Priority priority) const {
    Size size;
    for (size_t i = 0; i <= static_cast<size_t>(priority); ++i) {
      size.calls += sizes_[i].calls;
      size.bytes += sizes_[i].bytes;
    }
    return size;
  }
  bool empty() const { return size().calls == 0; }
  // Nothing waits that is not light.
  bool all_light() const { return heavy_ == 0; }

  // None: it shares a batch with nobody. True: its bucket has become worth waiting for no longer, or may be
  // so before it was without it. Throws std::bad_alloc, and then it is not there.
  bool Push(const WaitingCall& waiting, const std::optional<BatchKey>& key);

  struct Taken {
    std::vector<WaitingCall> calls;  // to run together
    int64_t rows = 0;                // of them all
    // Where `calls` is empty: when to ask again at the latest; InfiniteFuture if nothing waits.
    absl::Time look_again = absl::InfiniteFuture();
  };
  // The next batch. `linger`: what is not full and has not waited for max_delay stays, but for what would
  // then miss its deadline by a run that takes `run`.
  Taken Take(absl::Time now, bool linger, absl::Duration run = absl::ZeroDuration());

  // Takes out the newest of the least urgent requests; null: none is less urgent than `than`.
  QueuedCall* TakeLessUrgent(Priority than);

  // Takes out all that `unwanted` is true of.
  template <typename Unwanted>
  std::vector<QueuedCall*> Remove(const Unwanted& unwanted) {
    std::vector<QueuedCall*> removed;
    removed.reserve(size().calls);  // so that nothing fails half-way
    for (auto bucket = buckets_.begin(); bucket != buckets_.end();) {
      for (std::deque<WaitingCall>& waiting : bucket->second.waiting) {
        std::erase_if(waiting, [&](const WaitingCall& each) {
          if (!unwanted(*each.call)) return false;
          Forget(bucket->second, each);
          removed.push_back(each.call);
          return true;
        });
      }
      bucket = bucket->second.size == 0 ? buckets_.erase(bucket) : std::next(bucket);
    }
    return removed;
  }

 private:
  struct Bucket {
    std::array<std::deque<WaitingCall>, kPriorities> waiting;  // by priority, oldest first
    size_t size = 0;
    int64_t rows = 0;
    absl::Time deadline = absl::InfiniteFuture();  // none of its requests has an earlier one
    bool alone = false;                            // its requests share a batch with nobody
  };
  // The bucket of those that share a batch with nobody has no key, and comes first.
  using Buckets = std::map<std::optional<BatchKey>, Bucket>;

  // Rows that are worth a batch at once.
  int64_t WorthRows() const;
  // Rows of the batch that is taken out of so many.
  int64_t RowsToTake(int64_t waiting) const;
  // When the bucket may be taken from at the latest.
  absl::Time DueAt(const Bucket& bucket, absl::Duration run) const;
  void Forget(Bucket& bucket, const WaitingCall& waiting);
  Taken TakeFrom(Buckets::iterator bucket);

  const BatchLimits limits_;
  Buckets buckets_;  // none is empty
  std::array<Size, kPriorities> sizes_{};
  size_t heavy_ = 0;  // of them all, that are not light
};

}  // namespace modeld
