// Pacer: when work beside serving has to rest between its steps, and for how long. Pure but for what it is
// told.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/time/time.h"

namespace modeld {

// The lowest priority alone does not keep such work from being felt. Linux gives it a share all the same:
// small, but in pieces of a tick of 4 ms, while a request that is ready waits (seen in traces of the
// scheduler). So the work is to be cut into short slices by who can, with rests between them.
//
// Not thread-safe.
class Pacer {
 public:
  // What there is to know of the requests. Null functions: there are none, and there is no rest.
  struct Serving {
    std::function<uint64_t()> served;  // how many there were so far
    std::function<bool()> is_full;     // whether those under way now can keep every CPU busy
  };

  explicit Pacer(Serving serving) : serving_(std::move(serving)) {}

  // Whether requests came since the last call, or within a second. `now`: of any clock that nobody sets.
  bool IsServing(absl::Duration now) {
    if (serving_.served == nullptr) return false;
    const uint64_t served = serving_.served();
    if (served_before_.has_value() && served != *served_before_) serving_until_ = now + kQuiet;
    served_before_ = served;
    return now < serving_until_;
  }

  // Whether a rest of so long is enough, while requests come, after so much CPU time: who got none is not
  // held up further. A sixth of a CPU is what may be missed: CPUs share caches and memory with what runs
  // beside them, so that even one that nobody wants is not free. While requests want every CPU the rest goes
  // on, up to a point: what is made to run beside them then is given a tick, at a request's cost.
  bool HasRested(absl::Duration rested, absl::Duration worked) const {
    if (rested >= kLongestRest) return true;
    return rested >= 5 * worked && (serving_.is_full == nullptr || !serving_.is_full());
  }

 private:
  static constexpr absl::Duration kQuiet = absl::Seconds(1);
  static constexpr absl::Duration kLongestRest = absl::Milliseconds(20);

  const Serving serving_;
  std::optional<uint64_t> served_before_;
  absl::Duration serving_until_ = -absl::InfiniteDuration();
};

}  // namespace modeld
