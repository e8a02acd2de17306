// Releases: versions of several models that become live together or not at all.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {

absl::Status Manager::RegisterRelease(const std::string& name, const std::vector<NewVersion>& versions) {
  if (versions.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("release ", Quote(name), " names no version"));
  }
  MutexLock lock(&mutex_);
  ReleaseRecord release{.id = 0,
                        .name = name,
                        .state = ReleaseState::kPending,
                        .reason = "",
                        .members = {},
                        .since = clock_->Now()};
  std::vector<NewVersion> added;
  std::vector<EventRecord> events;
  for (const NewVersion& member : versions) {
    const VersionRecord& record = member.version;
    if (!release.members.emplace(record.model, record.version).second) {
      return absl::InvalidArgumentError(absl::StrCat("release ", Quote(name), " names model ",
                                                     Quote(record.model), " twice; one version of each"));
    }
    MODELD_RETURN_IF_ERROR(CheckMember(member));
    const auto model = models_.find(record.model);
    if (model != models_.end() && model->second.Find(record.version) != nullptr) continue;
    added.push_back(member);
    VersionRecord& fresh = added.back().version;
    fresh.disposition = Disposition::kGood;
    fresh.reason.clear();
    fresh.registered_at = release.since;
    fresh.probed = false;
    fresh.held = true;
    events.push_back(
        Event(action::kRegistered, record.model, record.version, kDaemon, absl::StrCat("of release ", name)));
  }
  if (IsKnownRelease(name, release.members)) return absl::OkStatus();
  for (const auto& [id, known] : releases_) {
    if (known.state != ReleaseState::kPending || known.name != name) continue;
    events.push_back(Event(action::kRefusedRelease, "", "", kDaemon,
                           absl::StrCat("release ", name, ": ", kReleaseReplaced)));
  }

  MODELD_ASSIGN_OR_RETURN(release.id, registry_->AddRelease(release, added, events));
  LogInfo("release registered", {{"release", name}, {"models", release.members.size()}});
  for (NewVersion& fresh : added) {
    const std::string model = fresh.version.model;
    models_
        .try_emplace(model,
                     ModelRecord{.name = model, .live = {}, .routing = {}, .watch = {}, .versions = {}},
                     /*probes=*/prober_ != nullptr)
        .first->second.AddVersion(std::move(fresh.version));
  }
  std::vector<std::map<std::string, std::string>> changed = {release.members};
  for (const auto& [id, known] : releases_) {
    if (known.name == name) changed.push_back(known.members);
  }
  std::erase_if(releases_, [&](const auto& known) { return known.second.name == name; });
  releases_[release.id] = std::move(release);
  for (const auto& members : changed) NotePrepared(members);
  for (const auto& members : changed) {
    for (const auto& [model, version] : members) Reconcile(models_.at(model));
  }
  return absl::OkStatus();
}

void Manager::NotePrepared(const std::map<std::string, std::string>& members) {
  for (const auto& member : members) {
    const bool prepared = std::any_of(releases_.begin(), releases_.end(), [&](const auto& known) {
      const ReleaseRecord& release = known.second;
      const auto found = release.members.find(member.first);
      return release.state == ReleaseState::kPending && found != release.members.end() &&
             found->second == member.second;
    });
    models_.at(member.first).SetPrepared(member.second, prepared);
  }
}

absl::Status Manager::CheckMember(const NewVersion& member) const {
  const VersionRecord& record = member.version;
  const auto model = models_.find(record.model);
  if (model == models_.end()) return absl::OkStatus();
  const VersionSlot* const known = model->second.Find(record.version);
  if (known == nullptr) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(CheckSame(*known, member));
  if (known->usable()) return absl::OkStatus();
  if (IsCollected(known->record)) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameVersion(record.model, record.version),
                     " was collected; drop its file outside of a release first, then promote it"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(NameVersion(record.model, record.version), " is ",
                   std::string(DispositionName(known->record.disposition)),
                   "; bring it back with: ", PromoteCommand(record.model, record.version)));
}

bool Manager::IsKnownRelease(const std::string& name,
                             const std::map<std::string, std::string>& members) const {
  const bool pending = std::any_of(releases_.begin(), releases_.end(), [&](const auto& known) {
    const ReleaseRecord& release = known.second;
    return release.state == ReleaseState::kPending && release.name == name && release.members == members;
  });
  if (pending) return true;
  for (const auto& [name, version] : members) {
    const auto model = models_.find(name);
    if (model == models_.end() || LiveVersion(model->second.live()) != version) return false;
  }
  return true;
}

void Manager::CheckReleases(const ModelState& model) {
  for (auto& [id, release] : releases_) {
    if (release.state != ReleaseState::kPending || !release.members.contains(model.name())) continue;
    bool refused = false;
    const std::string waits_for = WaitsFor(release, &refused);
    if (refused) {
      EndRelease(release, ReleaseState::kRefused, waits_for);
    } else if (waits_for.empty()) {
      EndRelease(release, ReleaseState::kLive, "");
    }
  }
  std::erase_if(releases_, [](const auto& known) { return known.second.state == ReleaseState::kLive; });
}

std::string Manager::WaitsFor(const ReleaseRecord& release, bool* refused) const {
  std::string waits_for;
  for (const auto& [name, version] : release.members) {
    const ModelState& model = models_.at(name);
    const VersionSlot& slot = *model.Find(version);
    const std::string named = NameVersion(name, version);
    if (!slot.usable()) {
      *refused = true;
      return absl::StrCat(named, " is ", std::string(DispositionName(slot.record.disposition)), ": ",
                          slot.record.reason);
    }
    if (!waits_for.empty()) continue;
    const std::string& pinned = model.live().pinned;
    if (slot.failures > 0) {
      waits_for = absl::StrCat(named, ", which could not be loaded: ", slot.load_error);
    } else if (slot.handle == nullptr) {
      waits_for = absl::StrCat(named, ", which is ", std::string(VersionStateName(StateOf(slot))));
    } else if (!pinned.empty() && pinned != version) {
      waits_for = absl::StrCat("model ", Quote(name), ", which is pinned to ", pinned);
    }
  }
  return waits_for;
}

void Manager::EndRelease(ReleaseRecord& release, ReleaseState state, const std::string& reason) {
  const bool live = state == ReleaseState::kLive;
  const absl::Duration begun = clock_->Steady();
  std::vector<LiveMove> moves;
  for (const auto& [name, version] : release.members) {
    if (!live) break;
    ModelState& model = models_.at(name);
    const std::string from(LiveVersion(model.live()));
    if (from == version) continue;
    EventRecord event =
        Event(action::kPublished, name, version, kDaemon, absl::StrCat("release ", release.name));
    event.from_version = from;
    event.to_version = version;
    // What is higher than the release's version must not take its place right away.
    const bool held = model.Find(version)->record.held;
    model.SetHeld(version, false);
    LiveState next =
        modeld::Promote(model.live(), version, /*pin=*/false, model.HighestUsable(), event.reason);
    model.SetHeld(version, held);
    moves.push_back({.model = name, .state = next, .event = event, .watch = NewWatch(model, next)});
  }
  const EventRecord event = Event(live ? action::kReleased : action::kRefusedRelease, "", "", kDaemon,
                                  absl::StrCat("release ", release.name, reason.empty() ? "" : ": ", reason));
  if (const absl::Status ended = registry_->EndRelease(release.id, state, reason, moves, event);
      !ended.ok()) {
    LogError("release could not be ended; it is tried again", {{"release", release.name}, {"error", ended}});
    for (const auto& [name, version] : release.members) move_again_[name] = clock_->Now() + kMoveAgain;
    return;
  }
  LogInfo(event.action, {{"release", release.name}, {"reason", reason}});
  release.state = state;
  release.reason = reason;
  release.since = event.time;

  std::vector<std::pair<std::string, std::shared_ptr<const ServingEntry>>> entries;
  NotePrepared(release.members);
  for (const auto& [name, version] : release.members) {
    if (live) models_.at(name).SetHeld(version, false);
  }
  for (LiveMove& move : moves) {
    ModelState& model = models_.at(move.model);
    model.SetLive(std::move(move.state));
    NoteSwap(move.model, begun);
    BeginWatch(model, move.watch, move.event.from_version);
    entries.emplace_back(move.model, model.Entry());
  }
  // All of them in one swap: no request sees one of the new versions and after it an old one of another
  // model.
  table_->PublishAll(std::move(entries));
  for (const LiveMove& move : moves) NotePublished(move.model);
  for (const auto& [name, version] : release.members) {
    DropRoutesToLive(models_.at(name));
    ReconcileAlone(models_.at(name));
  }
}

std::vector<ReleaseView> Manager::ListReleases() const {
  std::vector<ReleaseView> views;
  MutexLock lock(&mutex_);
  for (const auto& [id, release] : releases_) {
    bool refused = false;
    const bool pending = release.state == ReleaseState::kPending;
    views.push_back({.record = release, .waits_for = pending ? WaitsFor(release, &refused) : ""});
  }
  return views;
}

}  // namespace modeld
