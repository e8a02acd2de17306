#include "daemon/lifecycle/model_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/version_names.h"

namespace modeld {
namespace {

constexpr absl::Duration kFirstBackOff = absl::Seconds(1);

constexpr int kCommandPriority = 0;         // before everything that the policy keeps
constexpr int kReloadPriority = 1'000'000;  // after everything that is not in memory yet

bool Contains(const std::vector<std::string>& versions, const std::string& version) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

bool CanServe(const VersionSlot& slot) { return slot.usable() && slot.handle != nullptr; }

// What to tell who asks for a version that cannot serve.
std::string WhyUnavailable(const VersionSlot& slot) {
  const VersionRecord& record = slot.record;
  const std::string name = NameVersion(record.model, record.version);
  const std::string promote = PromoteCommand(record.model, record.version);
  switch (record.disposition) {
    case Disposition::kQuarantined:
      return absl::StrCat(name, " is quarantined: ", record.reason);
    case Disposition::kRetired:
      return absl::StrCat(name, " is retired; bring it back with: ", promote);
    case Disposition::kGood:
      break;
  }
  if (slot.probing) return absl::StrCat(name, " is being probed; try again shortly");
  if (slot.loading) return absl::StrCat(name, " is loading; try again shortly");
  if (slot.failures > 0) return absl::StrCat(name, " could not be loaded: ", slot.load_error);
  return absl::StrCat(name, " is registered but not loaded; make it live with: ", promote);
}

}  // namespace

std::string_view VersionStateName(VersionState state) {
  switch (state) {
    case VersionState::kAvailable:
      return "available";
    case VersionState::kProbing:
      return "probing";
    case VersionState::kLoading:
      return "loading";
    case VersionState::kReady:
      return "ready";
    case VersionState::kDraining:
      return "draining";
    case VersionState::kQuarantined:
      return "quarantined";
    case VersionState::kRetired:
      return "retired";
  }
  return "unknown";
}

VersionState StateOf(const VersionSlot& slot) {
  switch (slot.record.disposition) {
    case Disposition::kQuarantined:
      return VersionState::kQuarantined;
    case Disposition::kRetired:
      return VersionState::kRetired;
    case Disposition::kGood:
      break;
  }
  if (slot.handle != nullptr) return VersionState::kReady;
  if (slot.loading) return VersionState::kLoading;
  if (slot.probing) return VersionState::kProbing;
  return slot.instances > 0 ? VersionState::kDraining : VersionState::kAvailable;
}

int64_t BytesOf(const VersionRecord& record) {
  return record.resident_bytes > 0 ? record.resident_bytes : EstimateBytes(record.size_bytes);
}

absl::Duration LoadBackOff(int failures) {
  absl::Duration back_off = kFirstBackOff;
  for (int i = 1; i < failures && back_off < kLongestPutOff; ++i) back_off *= 2;
  return std::min(back_off, kLongestPutOff);
}

ModelState::ModelState(ModelRecord record, bool probes)
    : name_(std::move(record.name)), probes_(probes), live_(std::move(record.live)) {
  SetRouting(std::move(record.routing));
  for (VersionRecord& version : record.versions) AddVersion(std::move(version));
}

const VersionSlot* ModelState::Find(const std::string& version) const {
  const auto found = versions_.find(version);
  return found == versions_.end() ? nullptr : &found->second;
}

bool ModelState::Usable(std::string_view version) const {
  const auto found = versions_.find(version);
  return found != versions_.end() && found->second.usable();
}

std::string ModelState::HighestUsable() const {
  const auto highest = std::find_if(versions_.rbegin(), versions_.rend(), [](const auto& entry) {
    return entry.second.usable() && !entry.second.record.held;
  });
  return highest == versions_.rend() ? "" : highest->first;
}

std::vector<std::string> ModelState::Versions() const {
  std::vector<std::string> versions;
  versions.reserve(versions_.size());
  for (const auto& [version, slot] : versions_) versions.push_back(version);
  return versions;
}

bool ModelState::Serving() const {
  const auto live = versions_.find(LiveVersion(live_));
  return live != versions_.end() && CanServe(live->second);
}

void ModelState::AddVersion(VersionRecord record) {
  std::string version = record.version;
  versions_[std::move(version)].record = std::move(record);
}

void ModelState::SetDisposition(const std::string& version, Disposition disposition,
                                const std::string& reason) {
  VersionSlot& slot = Slot(version);
  slot.record.disposition = disposition;
  slot.record.reason = reason;
  slot.failures = 0;
  slot.gives_way = false;
  slot.load_error.clear();
  if (disposition == Disposition::kRetired) ++slot.retirements;
  LetAllComeBack();
}

void ModelState::SetLive(LiveState live) {
  live_ = std::move(live);
  LetAllComeBack();
}

void ModelState::SetRouting(Routing routing) {
  // What one shadow's answers came to says nothing of another's.
  if (routing.shadow.empty()) {
    shadow_stats_ = nullptr;
  } else if (shadow_stats_ == nullptr || routing.shadow != routing_.shadow) {
    shadow_stats_ = std::make_shared<ShadowStats>();
  }
  routing_ = std::move(routing);
  LetAllComeBack();
}

void ModelState::SetHeld(const std::string& version, bool held) {
  Slot(version).record.held = held;
  LetAllComeBack();
}

void ModelState::SetPrepared(const std::string& version, bool prepared) {
  Slot(version).prepared = prepared;
  LetAllComeBack();
}

void ModelState::BeginProbe(const std::string& version) { Slot(version).probing = true; }

void ModelState::EndProbe(const std::string& version, bool passed, int64_t resident_bytes) {
  VersionSlot& slot = Slot(version);
  slot.probing = false;
  slot.record.probed = passed;
  slot.record.resident_bytes = resident_bytes;
}

void ModelState::BeginLoad(const std::string& version) {
  VersionSlot& slot = Slot(version);
  slot.loading = true;
  // The load goes by what is known by now; what is found from here on it may miss.
  slot.reload_plan.clear();
}

void ModelState::EndLoad(const std::string& version, VersionHandle handle, std::vector<std::string> warnings,
                         uint64_t loaded_as) {
  VersionSlot& slot = Slot(version);
  slot.loading = false;
  slot.urgent = false;
  slot.failures = 0;
  slot.gives_way = false;
  slot.load_error.clear();
  slot.handle = std::move(handle);
  if (slot.handle->plan == slot.reload_plan) slot.reload_plan.clear();
  // While there are instances they are all taken to be alike, so that what goes is what came.
  if (slot.instances == 0) slot.instance_bytes = BytesOf(slot.record);
  ++slot.instances;
  slot.loaded_as = loaded_as;
  LetAllComeBack();
  slot.load_warnings = std::move(warnings);
}

void ModelState::WishReload(const std::string& version, const std::string& plan, int64_t resident_bytes) {
  VersionSlot& slot = Slot(version);
  slot.reload_plan = plan;
  slot.record.resident_bytes = resident_bytes;
}

void ModelState::FailLoad(const std::string& version, const absl::Status& why, absl::Time now) {
  VersionSlot& slot = Slot(version);
  slot.probing = false;
  slot.loading = false;
  slot.urgent = false;  // one try a command
  ++slot.failures;
  slot.gives_way = slot.gives_way || !absl::IsResourceExhausted(why);
  slot.load_error = std::string(why.message());
  slot.retry_at = now + LoadBackOff(slot.failures);
  ++slot.failed_loads;
  slot.last_failure = why;
  LetAllComeBack();
}

void ModelState::LetAllComeBack() {
  for (auto& [version, slot] : versions_) slot.made_room = false;
}

void ModelState::InstanceDestroyed(const std::string& version) {
  VersionSlot& slot = Slot(version);
  // The one that is left may have been loaded by another plan, which takes more or less.
  if (--slot.instances == 1 && slot.handle != nullptr) slot.instance_bytes = BytesOf(slot.record);
}

void ModelState::Hold(const std::string& version, bool to_make_live) {
  VersionSlot& slot = Slot(version);
  ++slot.holds;
  if (to_make_live) ++slot.live_holds;
  slot.urgent = true;
  slot.made_room = false;
}

void ModelState::Release(const std::string& version, bool to_make_live) {
  VersionSlot& slot = Slot(version);
  if (to_make_live) --slot.live_holds;
  if (--slot.holds > 0) return;
  slot.urgent = false;
  LetAllComeBack();
}

VersionHandle ModelState::MakeRoom(const std::string& version) {
  VersionSlot& slot = Slot(version);
  slot.made_room = true;
  slot.load_warnings.clear();
  return std::exchange(slot.handle, nullptr);
}

ModelState::Need ModelState::NeedOf(const std::string& version) const {
  const VersionSlot& slot = *Find(version);
  const std::string_view live = LiveVersion(live_);
  const std::string target = Usable(live_.pinned) ? live_.pinned : HighestUsable();
  if (version == live) return Need::kServes;
  if (slot.live_holds > 0 || (version == target && !slot.gives_way)) return Need::kReplacesLive;
  if (slot.holds > 0 || slot.prepared || Contains(RoutedVersions(routing_), version)) return Need::kServes;
  return Need::kSpare;
}

void ModelState::AddMemoryUsers(std::vector<std::pair<uint64_t, MemoryUser>>* users) const {
  for (const auto& [version, slot] : versions_) {
    if (slot.handle == nullptr) continue;
    users->push_back({slot.loaded_as,
                      {.model = name_,
                       .version = version,
                       .bytes = slot.instance_bytes,
                       .spare = NeedOf(version) == Need::kSpare,
                       .live = version == LiveVersion(live_)}});
  }
}

PolicyDecision ModelState::Decide() const {
  PolicyInput input{.versions = {}, .live = live_};
  input.versions.reserve(versions_.size());
  const std::vector<std::string> routed = RoutedVersions(routing_);
  for (const auto& [version, slot] : versions_) {
    input.versions.push_back({.version = version,
                              .usable = slot.usable(),
                              .ready = CanServe(slot),
                              .failed = slot.usable() && slot.failures > 0,
                              .held = slot.record.held,
                              .wanted = slot.prepared || Contains(routed, version)});
  }
  return modeld::Decide(input);
}

bool ModelState::NeedsProbe(const VersionSlot& slot) const {
  if (!probes_ || slot.record.probed) return false;
  return !slot.usable() || !Contains(live_.history, slot.record.version);
}

ModelWishes ModelState::Wishes(const std::vector<std::string>& keep) const {
  ModelWishes wishes;
  const auto wish = [&](const VersionSlot& slot, int priority, absl::Time not_before) {
    if (slot.handle != nullptr || slot.loading || slot.probing || slot.made_room) return;
    (NeedsProbe(slot) ? wishes.probes : wishes.loads)
        .push_back({.version = slot.record.version, .priority = priority, .not_before = not_before});
  };
  for (const auto& [version, slot] : versions_) {
    if (slot.urgent) wish(slot, kCommandPriority, absl::InfinitePast());
  }
  int priority = kCommandPriority;
  for (const std::string& version : keep) {
    ++priority;
    const VersionSlot& slot = *Find(version);
    if (!slot.urgent) wish(slot, priority, slot.failures > 0 ? slot.retry_at : absl::InfinitePast());
    if (!slot.reload_plan.empty() && slot.handle != nullptr && !slot.loading) {
      wishes.loads.push_back({.version = version, .priority = kReloadPriority});
    }
  }
  return wishes;
}

std::vector<VersionHandle> ModelState::TakeUnneeded(const std::vector<std::string>& keep) {
  std::vector<VersionHandle> unneeded;
  for (auto& [version, slot] : versions_) {
    if (slot.handle == nullptr || slot.holds > 0 || Contains(keep, version)) continue;
    unneeded.push_back(std::move(slot.handle));
    slot.handle = nullptr;
    slot.load_warnings.clear();
  }
  return unneeded;
}

bool ModelState::Starting(const std::vector<std::string>& keep) const {
  if (Serving()) return false;
  return std::any_of(keep.begin(), keep.end(), [&](const std::string& version) {
    const VersionSlot& slot = *Find(version);
    return slot.handle == nullptr && slot.failures == 0;
  });
}

ModelView ModelState::View() const {
  ModelView view{.name = name_,
                 .versions = {},
                 .live = Serving() ? live_.history.back() : "",
                 .labels = {},
                 .pinned = live_.pinned,
                 .pin_reason = live_.pin_reason,
                 .traffic = Traffic(),
                 .watch = std::nullopt};
  view.labels.insert(routing_.labels.begin(), routing_.labels.end());
  if (!view.live.empty()) view.labels["live"] = view.live;
  if (!routing_.canary.empty()) view.labels["canary"] = routing_.canary;
  if (const std::string previous = Previous(); !previous.empty()) view.labels["previous"] = previous;
  view.versions.reserve(versions_.size());
  for (auto entry = versions_.rbegin(); entry != versions_.rend(); ++entry) {
    const VersionSlot& slot = entry->second;
    VersionView version{.record = slot.record,
                        .state = StateOf(slot),
                        .reason = slot.usable() ? slot.load_error : slot.record.reason,
                        .engine = slot.handle == nullptr ? "" : slot.handle->engine,
                        .plan = slot.handle == nullptr ? "" : slot.handle->plan,
                        .stats = std::nullopt};
    if (slot.handle != nullptr) version.stats = slot.handle->stats.View();
    version.record.warnings.insert(version.record.warnings.end(), slot.load_warnings.begin(),
                                   slot.load_warnings.end());
    view.versions.push_back(std::move(version));
  }
  return view;
}

void ModelState::MeasureInto(ModelMetrics* metrics, std::vector<VersionHandle>* handles) const {
  metrics->name = name_;
  metrics->refused = refused_->Snapshot();
  for (const auto& [version, slot] : versions_) {
    ++metrics->versions_by_state[static_cast<size_t>(StateOf(slot))];
    if (slot.handle == nullptr) continue;
    VersionMetrics& measured = metrics->versions.emplace_back();
    measured.version = version;
    measured.live = version == LiveVersion(live_);
    measured.resident_bytes = slot.instance_bytes;
    measured.artifact_bytes = slot.record.size_bytes;
    handles->push_back(slot.handle);
  }
}

void ModelState::CountInto(ManagerCounts* counts) const {
  ++counts->models;
  for (const auto& [version, slot] : versions_) {
    const VersionState state = StateOf(slot);
    ++counts->versions;
    if (state == VersionState::kReady) ++counts->ready;
    if (state == VersionState::kQuarantined) ++counts->quarantined;
  }
}

std::shared_ptr<const ServingEntry> ModelState::Entry() const {
  auto entry = std::make_shared<ServingEntry>();
  for (const auto& [version, slot] : versions_) {
    if (CanServe(slot)) {
      entry->ready[version] = slot.handle;
    } else {
      entry->unavailable[version] = WhyUnavailable(slot);
    }
  }
  if (!live_.history.empty()) {
    const std::string& live = live_.history.back();
    if (const auto ready = entry->ready.find(live); ready != entry->ready.end()) entry->live = ready->second;
    entry->labels["live"] = live;
  }
  if (const std::string previous = Previous(); !previous.empty()) entry->labels["previous"] = previous;
  if (!routing_.canary.empty()) entry->labels["canary"] = routing_.canary;
  entry->labels.insert(routing_.labels.begin(), routing_.labels.end());
  const auto ready = [&](const std::string& version) {
    const auto found = entry->ready.find(version);
    return found == entry->ready.end() ? nullptr : found->second;
  };
  entry->canary = ready(routing_.canary);
  entry->canary_share = routing_.canary_share;
  entry->shadow = ready(routing_.shadow);
  entry->shadow_share = routing_.shadow_share;
  entry->shadow_stats = shadow_stats_;
  entry->refused = refused_;
  return entry;
}

std::optional<TrafficView> ModelState::Traffic() const {
  if (routing_.canary.empty() && routing_.shadow.empty()) return std::nullopt;
  return TrafficView{.canary = routing_.canary,
                     .canary_share = routing_.canary_share,
                     .shadow = routing_.shadow,
                     .shadow_share = routing_.shadow_share,
                     .shadow_stats = shadow_stats_ == nullptr ? ShadowStatsView{} : shadow_stats_->View()};
}

std::string ModelState::Previous() const {
  return PreviousVersion(live_, [this](std::string_view version) { return Usable(version); });
}

}  // namespace modeld
