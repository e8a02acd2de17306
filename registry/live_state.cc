#include "registry/live_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

absl::Status NoPreviousVersion(const LiveState& state) {
  if (state.history.empty()) {
    return absl::FailedPreconditionError(
        "no version is live, so there is none to roll back from; use promote");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no usable version was live before ", Quote(state.history.back()),
                   "; name the version to serve with promote, or with rollback --to"));
}

}  // namespace

std::string_view LiveVersion(const LiveState& state) {
  return state.history.empty() ? std::string_view() : state.history.back();
}

std::string PreviousVersion(const LiveState& state, const UsableFn& usable) {
  const auto previous = std::find_if(
      state.history.rbegin(), state.history.rend(),
      [&](const std::string& version) { return version != LiveVersion(state) && usable(version); });
  return previous == state.history.rend() ? "" : *previous;
}

absl::StatusOr<LiveState> Rollback(const LiveState& state, std::string_view to, std::string_view reason,
                                   const UsableFn& usable) {
  const std::string target = to.empty() ? PreviousVersion(state, usable) : std::string(to);
  if (target.empty()) return NoPreviousVersion(state);
  const std::string from(LiveVersion(state));
  if (target == from) {
    return absl::FailedPreconditionError(
        absl::StrCat("version ", Quote(target), " is live already; to hold it there use pin"));
  }
  if (!usable(target)) {
    return absl::FailedPreconditionError(
        absl::StrCat("version ", Quote(target),
                     " cannot be served: it is quarantined, retired or not registered; choose another"));
  }

  LiveState next{.history = state.history, .pinned = target, .pin_reason = std::string(reason)};
  const auto last_time = std::find(next.history.rbegin(), next.history.rend(), target);
  if (last_time != next.history.rend()) next.history.erase(last_time.base(), next.history.end());
  std::erase(next.history, from);
  if (LiveVersion(next) != target) next.history.push_back(target);
  return next;
}

LiveState Promote(const LiveState& state, std::string_view version, bool pin, std::string_view highest_usable,
                  std::string_view reason) {
  LiveState next = Unpin(state);
  if (LiveVersion(next) != version) next.history.emplace_back(version);
  if (next.history.size() > kMaxLiveHistory) {
    next.history.erase(next.history.begin(), next.history.end() - kMaxLiveHistory);
  }
  if (pin || version != highest_usable) {
    next.pinned = version;
    next.pin_reason = reason;
  }
  return next;
}

LiveState Unpin(const LiveState& state) { return {.history = state.history, .pinned = "", .pin_reason = ""}; }

}  // namespace modeld
