#include "daemon/lifecycle/model_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/version_names.h"

namespace modeld {
namespace {

constexpr absl::Duration kFirstBackOff = absl::Seconds(1);

constexpr int kCommandPriority = 0;  // before everything that the policy keeps

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
  if (slot.loading) return absl::StrCat(name, " is loading; try again shortly");
  if (slot.failures > 0) return absl::StrCat(name, " could not be loaded: ", slot.load_error);
  return absl::StrCat(name, " is registered but not loaded; make it live with: ", promote);
}

}  // namespace

std::string_view VersionStateName(VersionState state) {
  switch (state) {
    case VersionState::kAvailable:
      return "available";
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
  return slot.instances > 0 ? VersionState::kDraining : VersionState::kAvailable;
}

absl::Duration LoadBackOff(int failures) {
  absl::Duration back_off = kFirstBackOff;
  for (int i = 1; i < failures && back_off < kLongestPutOff; ++i) back_off *= 2;
  return std::min(back_off, kLongestPutOff);
}

ModelState::ModelState(ModelRecord record) : name_(std::move(record.name)), live_(std::move(record.live)) {
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
  const auto highest = std::find_if(versions_.rbegin(), versions_.rend(),
                                    [](const auto& entry) { return entry.second.usable(); });
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
  slot.load_error.clear();
  if (disposition == Disposition::kRetired) ++slot.retirements;
}

void ModelState::BeginLoad(const std::string& version) { Slot(version).loading = true; }

void ModelState::EndLoad(const std::string& version, VersionHandle handle,
                         std::vector<std::string> warnings) {
  VersionSlot& slot = Slot(version);
  slot.loading = false;
  slot.urgent = false;
  slot.failures = 0;
  slot.load_error.clear();
  slot.handle = std::move(handle);
  ++slot.instances;
  slot.load_warnings = std::move(warnings);
}

void ModelState::FailLoad(const std::string& version, const absl::Status& why, absl::Time now) {
  VersionSlot& slot = Slot(version);
  slot.loading = false;
  slot.urgent = false;  // one try a command
  ++slot.failures;
  slot.load_error = std::string(why.message());
  slot.retry_at = now + LoadBackOff(slot.failures);
  ++slot.failed_loads;
  slot.last_failure = why;
}

void ModelState::InstanceDestroyed(const std::string& version) { --Slot(version).instances; }

void ModelState::Hold(const std::string& version) {
  VersionSlot& slot = Slot(version);
  ++slot.holds;
  slot.urgent = true;
}

void ModelState::Release(const std::string& version) {
  VersionSlot& slot = Slot(version);
  if (--slot.holds == 0) slot.urgent = false;
}

PolicyDecision ModelState::Decide() const {
  PolicyInput input{.versions = {}, .live = live_};
  input.versions.reserve(versions_.size());
  for (const auto& [version, slot] : versions_) {
    input.versions.push_back({.version = version,
                              .usable = slot.usable(),
                              .ready = CanServe(slot),
                              .failed = slot.usable() && slot.failures > 0});
  }
  return modeld::Decide(input);
}

std::vector<LoadWish> ModelState::Wishes(const std::vector<std::string>& keep) const {
  std::vector<LoadWish> wishes;
  for (const auto& [version, slot] : versions_) {
    if (slot.urgent && slot.handle == nullptr && !slot.loading) {
      wishes.push_back({.version = version, .priority = kCommandPriority});
    }
  }
  int priority = kCommandPriority;
  for (const std::string& version : keep) {
    ++priority;
    const VersionSlot& slot = *Find(version);
    if (slot.urgent || slot.handle != nullptr || slot.loading) continue;
    const absl::Time not_before = slot.failures > 0 ? slot.retry_at : absl::InfinitePast();
    wishes.push_back({.version = version, .priority = priority, .not_before = not_before});
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
                 .traffic = std::nullopt,
                 .watch = std::nullopt};
  if (!view.live.empty()) view.labels["live"] = view.live;
  if (const std::string previous = Previous(); !previous.empty()) view.labels["previous"] = previous;
  view.versions.reserve(versions_.size());
  for (auto entry = versions_.rbegin(); entry != versions_.rend(); ++entry) {
    const VersionSlot& slot = entry->second;
    VersionView version{.record = slot.record,
                        .state = StateOf(slot),
                        .reason = slot.usable() ? slot.load_error : slot.record.reason,
                        .engine = slot.handle == nullptr ? "" : slot.handle->engine,
                        .stats = std::nullopt};
    if (slot.handle != nullptr) version.stats = slot.handle->stats.View();
    version.record.warnings.insert(version.record.warnings.end(), slot.load_warnings.begin(),
                                   slot.load_warnings.end());
    view.versions.push_back(std::move(version));
  }
  return view;
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
  return entry;
}

std::string ModelState::Previous() const {
  return PreviousVersion(live_, [this](std::string_view version) { return Usable(version); });
}

}  // namespace modeld
