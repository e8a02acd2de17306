#include "daemon/lifecycle/version_fate.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr int kStuckAfter = 4;  // failed loads in a row: after seven seconds

VersionView ViewOf(const ModelState& model, const std::string& version) {
  ModelView view = model.View();
  return *std::find_if(view.versions.begin(), view.versions.end(),
                       [&](const VersionView& known) { return known.record.version == version; });
}

// Whether loading fails for a reason outside the version that will hardly be over soon.
bool IsStuck(const VersionSlot& slot) {
  return slot.failures >= kStuckAfter || (slot.failures > 0 && absl::IsResourceExhausted(slot.last_failure));
}

std::string WhyKept(const ModelState& model, const VersionSlot& slot, const std::string& goes_to) {
  if (slot.record.held) return "it belongs to a release that is not live";
  const std::string& pinned = model.live().pinned;
  if (model.Usable(pinned)) return absl::StrCat("live is pinned to ", pinned);
  return absl::StrCat("live follows the highest good version, ", goes_to);
}

}  // namespace

std::optional<FateReport> FateOf(const ModelState& model, const std::string& version) {
  const VersionSlot& slot = *model.Find(version);
  const auto report = [&](VersionFate fate, std::string reason) {
    return FateReport{.fate = fate, .reason = std::move(reason), .version = ViewOf(model, version)};
  };
  if (!slot.usable()) {
    const std::string_view state = DispositionName(slot.record.disposition);
    const std::string& reason = slot.record.reason;
    return report(VersionFate::kRefused,
                  absl::StrCat(std::string(state), reason.empty() ? "" : ": ", reason));
  }
  if (slot.handle != nullptr && LiveVersion(model.live()) == version) return report(VersionFate::kLive, "");

  const PolicyDecision decision = model.Decide();
  const bool kept = std::find(decision.keep.begin(), decision.keep.end(), version) != decision.keep.end();
  if (decision.live == version) return std::nullopt;
  if (slot.handle != nullptr) {
    return report(VersionFate::kKept, WhyKept(model, slot, model.HighestUsable()));
  }
  if (slot.holds > 0 || StateOf(slot) != VersionState::kAvailable) return std::nullopt;
  if (kept) {
    if (!IsStuck(slot)) return std::nullopt;
    return report(VersionFate::kKept,
                  absl::StrCat("it cannot be loaded for now: ", slot.load_error, "; it is tried again"));
  }
  return report(VersionFate::kKept,
                absl::StrCat(WhyKept(model, slot, model.HighestUsable()), "; it is not in memory"));
}

}  // namespace modeld
