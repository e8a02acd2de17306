#include "daemon/scheduling/batch_queue.h"

#include <algorithm>
#include <utility>

namespace modeld {
namespace {

struct Rank {
  size_t priority = kPriorities;
  absl::Time arrived = absl::InfiniteFuture();

  bool operator<(const Rank& other) const {
    return priority != other.priority ? priority < other.priority : arrived < other.arrived;
  }
};

}  // namespace

bool BatchQueue::Push(const WaitingCall& waiting, const std::optional<BatchKey>& key) {
  const auto priority = static_cast<size_t>(waiting.call->priority);
  const auto [found, is_new] = buckets_.try_emplace(key);
  Bucket& bucket = found->second;
  try {
    bucket.waiting[priority].push_back(waiting);
  } catch (...) {
    if (is_new) buckets_.erase(found);
    throw;
  }
  bucket.alone = !key.has_value();
  bucket.deadline = std::min(bucket.deadline, waiting.call->deadline);
  ++bucket.size;
  bucket.rows += waiting.rows;
  ++sizes_[priority].calls;
  sizes_[priority].bytes += waiting.bytes;
  if (!waiting.is_light) ++heavy_;
  return bucket.alone || bucket.rows >= WorthRows() ||
         bucket.deadline < waiting.arrived + 2 * limits_.max_delay;
}

int64_t BatchQueue::WorthRows() const {
  return limits_.preferred_rows.empty() ? limits_.max_rows : limits_.preferred_rows.front();
}

int64_t BatchQueue::RowsToTake(int64_t waiting) const {
  const auto above = std::upper_bound(limits_.preferred_rows.begin(), limits_.preferred_rows.end(), waiting);
  // Fewer than any preferred size: all there are. More than the largest: as many as it is worth.
  if (above == limits_.preferred_rows.begin()) return std::min(waiting, limits_.max_rows);
  return *std::prev(above);
}

absl::Time BatchQueue::DueAt(const Bucket& bucket, absl::Duration run) const {
  if (bucket.alone || bucket.rows >= WorthRows()) return absl::InfinitePast();
  absl::Time oldest = absl::InfiniteFuture();
  for (const std::deque<WaitingCall>& waiting : bucket.waiting) {
    if (!waiting.empty()) oldest = std::min(oldest, waiting.front().arrived);
  }
  // A run may take a little longer than usual.
  return std::min(oldest + limits_.max_delay, bucket.deadline - 2 * run);
}

BatchQueue::Taken BatchQueue::Take(absl::Time now, bool linger, absl::Duration run) {
  auto best = buckets_.end();
  Rank best_rank;
  Taken none;
  for (auto bucket = buckets_.begin(); bucket != buckets_.end(); ++bucket) {
    if (linger) {
      const absl::Time due = DueAt(bucket->second, run);
      // Farther ahead than that: the clock was set back meanwhile.
      if (due > now && due - now <= limits_.max_delay) {
        none.look_again = std::min(none.look_again, due);
        continue;
      }
    }
    for (size_t priority = 0; priority < kPriorities; ++priority) {
      const std::deque<WaitingCall>& waiting = bucket->second.waiting[priority];
      if (waiting.empty()) continue;
      const Rank rank{.priority = priority, .arrived = waiting.front().arrived};
      if (best == buckets_.end() || rank < best_rank) {
        best = bucket;
        best_rank = rank;
      }
      break;
    }
  }
  return best == buckets_.end() ? none : TakeFrom(best);
}

BatchQueue::Taken BatchQueue::TakeFrom(Buckets::iterator found) {
  Bucket& bucket = found->second;
  const int64_t wanted = bucket.alone ? 0 : RowsToTake(bucket.rows);
  Taken taken;
  taken.calls.reserve(bucket.alone ? 1 : std::min(bucket.size, static_cast<size_t>(limits_.max_rows)));
  // Whoever leads is taken, however large. In order: a request that is too large for what is left ends the
  // batch, and leads the next one.
  const auto fits = [&](const WaitingCall& next) {
    return taken.calls.empty() || taken.rows + next.rows <= wanted;
  };
  for (std::deque<WaitingCall>& waiting : bucket.waiting) {
    while (!waiting.empty() && fits(waiting.front())) {
      const WaitingCall next = waiting.front();
      waiting.pop_front();
      Forget(bucket, next);
      taken.calls.push_back(next);
      taken.rows += next.rows;
    }
    if (!waiting.empty()) break;
  }
  if (bucket.size == 0) buckets_.erase(found);
  return taken;
}

QueuedCall* BatchQueue::TakeLessUrgent(Priority than) {
  for (size_t priority = kPriorities - 1; priority > static_cast<size_t>(than); --priority) {
    if (sizes_[priority].calls == 0) continue;
    const auto arrived = [priority](const Buckets::value_type& bucket) {
      const std::deque<WaitingCall>& waiting = bucket.second.waiting[priority];
      return waiting.empty() ? absl::InfinitePast() : waiting.back().arrived;
    };
    const auto found = std::max_element(buckets_.begin(), buckets_.end(), [&](const auto& a, const auto& b) {
      return arrived(a) < arrived(b);
    });
    Bucket& bucket = found->second;
    const WaitingCall newest = bucket.waiting[priority].back();
    bucket.waiting[priority].pop_back();
    Forget(bucket, newest);
    if (bucket.size == 0) buckets_.erase(found);
    return newest.call;
  }
  return nullptr;
}

void BatchQueue::Forget(Bucket& bucket, const WaitingCall& waiting) {
  --bucket.size;
  bucket.rows -= waiting.rows;
  Size& size = sizes_[static_cast<size_t>(waiting.call->priority)];
  --size.calls;
  size.bytes -= waiting.bytes;
  if (!waiting.is_light) --heavy_;
}

}  // namespace modeld
