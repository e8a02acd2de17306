#include "daemon/lifecycle/policy.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

// A version that the policy does not know is not usable, not ready and has not failed.
PolicyVersion Find(const PolicyInput& input, std::string_view version) {
  const auto found = std::find_if(input.versions.begin(), input.versions.end(),
                                  [&](const PolicyVersion& known) { return known.version == version; });
  return found == input.versions.end() ? PolicyVersion{} : *found;
}

// The highest version for which `wanted` holds; empty: none.
template <typename Predicate>
std::string Highest(const std::vector<PolicyVersion>& versions, Predicate wanted) {
  const PolicyVersion* highest = nullptr;
  for (const PolicyVersion& version : versions) {
    if (!wanted(version)) continue;
    if (highest == nullptr || CompareVersions(version.version, highest->version) > 0) highest = &version;
  }
  return highest == nullptr ? "" : highest->version;
}

// Whether live may follow to it without a person's word.
bool MayFollow(const PolicyVersion& version) { return version.usable && !version.held; }

struct Choice {
  std::string live;
  std::string reason;
};

// `target` is where live is to move to, `pinned` the pin where that is usable.
Choice ChooseLive(const PolicyInput& input, const std::string& target, const std::string& pinned) {
  if (Find(input, target).ready) {
    return {target, target == pinned ? "pinned" : "highest good version"};
  }
  const PolicyVersion current = Find(input, LiveVersion(input.live));
  const bool stays = current.usable && (current.ready || !current.failed || current.version == pinned);
  if (stays) return {current.version, ""};

  const std::string fallback = Highest(
      input.versions, [](const PolicyVersion& version) { return MayFollow(version) && version.ready; });
  if (fallback.empty()) return {current.usable ? current.version : "", ""};
  if (input.live.history.empty()) return {fallback, absl::StrCat("until ", target, " is ready")};
  return {fallback, absl::StrCat(input.live.history.back(), " cannot be served")};
}

// What to load where neither live nor target could be: the highest version that has not failed yet. Empty:
// none is needed, or there is none.
std::string Spare(const PolicyInput& input, const std::string& live, const std::string& target,
                  const std::string& pinned) {
  if (!pinned.empty() || Find(input, live).ready || !Find(input, target).failed) return "";
  return Highest(input.versions,
                 [](const PolicyVersion& version) { return MayFollow(version) && !version.failed; });
}

}  // namespace

PolicyDecision Decide(const PolicyInput& input) {
  const auto usable = [&](std::string_view version) { return Find(input, version).usable; };
  const std::string highest = HighestUsable(input.versions);
  const std::string pinned = usable(input.live.pinned) ? input.live.pinned : "";
  const std::string& target = pinned.empty() ? highest : pinned;

  PolicyDecision decision;
  auto [live, reason] = ChooseLive(input, target, pinned);
  // `previous` as it will be once live has moved, so that asking again asks for nothing more.
  const LiveState then = live.empty() ? input.live : MoveLive(input.live, live);
  const std::string previous = PreviousVersion(then, usable);
  const auto keep = [&](const std::string& version) {
    if (version.empty()) return;
    if (std::find(decision.keep.begin(), decision.keep.end(), version) != decision.keep.end()) return;
    decision.keep.push_back(version);
  };
  for (const std::string& version : {live, target, previous, highest, Spare(input, live, target, pinned)}) {
    keep(version);
  }
  for (const PolicyVersion& version : input.versions) {
    if (version.wanted && version.usable) keep(version.version);
  }
  if (live != LiveVersion(input.live)) decision.reason = std::move(reason);
  decision.live = std::move(live);
  return decision;
}

LiveState MoveLive(const LiveState& state, const std::string& version) {
  LiveState next = Promote(state, version, /*pin=*/false, /*highest_usable=*/version, /*reason=*/"");
  next.pinned = state.pinned;
  next.pin_reason = state.pin_reason;
  return next;
}

std::string HighestUsable(const std::vector<PolicyVersion>& versions) { return Highest(versions, MayFollow); }

}  // namespace modeld
