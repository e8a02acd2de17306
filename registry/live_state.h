// LiveState: which version of a model is live, which were before, and whether a person holds it there; and
// the pure functions by which commands change it. The daemon and `modelctl --db` use the same ones.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace modeld {

struct LiveState {
  // Versions as they became live, oldest first; the last is live. A rollback removes from the end, and every
  // entry of the version that it leaves, so that a second rollback goes further back and never returns to a
  // version that was rolled back from.
  std::vector<std::string> history;
  // Live is held at this version; empty: it follows the highest good version.
  std::string pinned;
  std::string pin_reason;

  friend bool operator==(const LiveState&, const LiveState&) = default;
};

// Longest history that is kept; older entries are forgotten (the events table remembers).
inline constexpr size_t kMaxLiveHistory = 32;

// Live version; empty: none.
std::string_view LiveVersion(const LiveState& state);

// Whether a version may become live: registered, neither quarantined nor retired.
using UsableFn = std::function<bool(std::string_view version)>;

// Where a rollback without a target goes: the last earlier entry that is usable and differs from live. Empty:
// there is none. This is the version that carries the label `previous`.
std::string PreviousVersion(const LiveState& state, const UsableFn& usable);

// Live moves to `to` (empty: PreviousVersion) and is pinned there, for `reason`. A `to` that never was live
// takes the place of the version that is left. FAILED_PRECONDITION where there is no earlier version, `to` is
// live already or not usable. The messages do not name the model: the caller does.
absl::StatusOr<LiveState> Rollback(const LiveState& state, std::string_view to, std::string_view reason,
                                   const UsableFn& usable);

// `version` becomes live. Pinned if `pin` or if it is not `highest_usable`, so that the next scan does not
// undo it; otherwise unpinned.
LiveState Promote(const LiveState& state, std::string_view version, bool pin, std::string_view highest_usable,
                  std::string_view reason);

// Live follows the highest good version again; live itself does not move here.
LiveState Unpin(const LiveState& state);

}  // namespace modeld
