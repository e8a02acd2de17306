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
  // How many requests were served so far.
  using ServedFn = std::function<uint64_t()>;

  // Null: nobody is served, and there is no rest.
  explicit Pacer(ServedFn served) : served_(std::move(served)) {}

  // Whether requests came since the last call, or within a second. `now`: of any clock that nobody sets.
  bool IsServing(absl::Duration now) {
    if (served_ == nullptr) return false;
    const uint64_t served = served_();
    if (served_before_.has_value() && served != *served_before_) serving_until_ = now + kQuiet;
    served_before_ = served;
    return now < serving_until_;
  }

  // The rest that is due, while requests come, after so much CPU time: who got none is not held up further.
  // A sixth of a CPU is what may be missed: CPUs share caches and memory with what runs beside them, so that
  // even one that nobody wants is not free.
  static absl::Duration RestAfter(absl::Duration worked) { return 5 * worked; }

 private:
  static constexpr absl::Duration kQuiet = absl::Seconds(1);

  const ServedFn served_;
  std::optional<uint64_t> served_before_;
  absl::Duration serving_until_ = -absl::InfiniteDuration();
};

}  // namespace modeld
