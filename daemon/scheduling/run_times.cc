#include "daemon/scheduling/run_times.h"

#include <algorithm>
#include <cstdlib>

namespace modeld {
namespace {

// The weight of the newest is one in so many.
constexpr int64_t kAveraged = 8;
// One measurement counts for at most so many times what was known: it may be a request unlike the others, or
// the machine's doing.
constexpr int64_t kMostAtOnce = 4;

// What counts of a measurement.
int64_t Counted(int64_t newest, int64_t before) {
  return before == 0 ? newest : std::min(newest, kMostAtOnce * before);
}

void Move(std::atomic<int64_t>& average, int64_t newest) {
  const int64_t before = average.load(std::memory_order_relaxed);
  const int64_t counted = Counted(newest, before);
  average.store(before + (before == 0 ? counted : (counted - before) / kAveraged), std::memory_order_relaxed);
}

void MovePeak(std::atomic<int64_t>& peak, int64_t newest) {
  const int64_t before = peak.load(std::memory_order_relaxed);
  const int64_t counted = Counted(newest, before);
  peak.store(counted >= before ? counted : before - (before - counted) / (2 * kAveraged),
             std::memory_order_relaxed);
}

}  // namespace

void RunTimes::Note(absl::Duration run, size_t calls, bool light) {
  const int64_t newest = std::max<int64_t>(1, absl::ToInt64Nanoseconds(run));
  const int64_t before = typical_.load(std::memory_order_relaxed);
  if (before != 0) {
    const int64_t off = std::abs(Counted(newest, before) - before);
    const int64_t deviation = deviation_.load(std::memory_order_relaxed);
    deviation_.store(deviation + (off - deviation) / kAveraged, std::memory_order_relaxed);
  }
  Move(typical_, newest);
  Move(of_call_, std::max<int64_t>(1, newest / static_cast<int64_t>(calls)));
  if (light) MovePeak(slowest_light_, newest);
}

}  // namespace modeld
