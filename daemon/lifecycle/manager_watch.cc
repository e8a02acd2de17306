// The watches over versions that went live not long ago, and over canaries.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr absl::Duration kLookAgain = absl::Seconds(1);
constexpr absl::Duration kGoldenAgain = absl::Seconds(30);
// For the version before to be loaded again, where it is not in memory any more.
constexpr absl::Duration kRollbackPatience = absl::Seconds(60);

}  // namespace

// One look at one version, as values: judged without the lock.
struct Manager::Examination {
  std::string model;
  std::string version;
  std::string baseline_version;  // empty: nothing to compare with
  VersionRecord record;
  VersionHandle handle;
  StatsWindow window;
  StatsWindow baseline;
  uint64_t watch = 0;   // which it is of
  bool canary = false;  // else it is live
  bool check_golden = false;
  bool ends = false;  // its time is over: the last look
};

void Manager::WatchLoop() {
  while (WaitForWatches()) CheckWatches();
}

bool Manager::WaitForWatches() {
  MutexLock lock(&mutex_);
  if (stopping_) return false;
  const bool anything = !watches_.empty() || !canaried_.empty();
  watch_work_.WaitWithTimeout(&mutex_, anything ? kLookAgain : absl::InfiniteDuration());
  return !stopping_;
}

void Manager::CheckWatches() {
  MutexLock checking(&checking_watches_);
  const auto look = [this](std::optional<Examination> examination) {
    if (!examination.has_value()) return;
    const std::optional<Breach> breach = Examine(*examination);
    if (!loader_->health().ok()) return;
    // What is judged may have to go before what takes its place can be loaded.
    examination->handle = nullptr;
    Conclude(*examination, breach);
  };
  for (const std::string& model : WatchedModels()) {
    look(ExaminationOfLive(model));
    look(ExaminationOfCanary(model));
  }
}

std::set<std::string> Manager::WatchedModels() const {
  MutexLock lock(&mutex_);
  std::set<std::string> models = canaried_;
  for (const auto& [name, watching] : watches_) models.insert(name);
  return models;
}

std::set<std::string> Manager::FailingUnderWatch() const {
  MutexLock lock(&mutex_);
  std::set<std::string> models;
  for (const auto& [name, watching] : watches_) {
    const VersionHandle& handle = models_.at(name).Find(watching.record.version)->handle;
    if (handle == nullptr) continue;
    if ((handle->stats.Snapshot() - watching.start).errors > 0) models.insert(name);
  }
  return models;
}

std::optional<Manager::Examination> Manager::ExaminationOfLive(const std::string& name) {
  MutexLock lock(&mutex_);
  const auto found = watches_.find(name);
  if (found == watches_.end()) return std::nullopt;
  Watching& watching = found->second;
  const VersionSlot& slot = *models_.at(name).Find(watching.record.version);
  // It may be on its way into memory, after a start.
  if (slot.handle == nullptr) return std::nullopt;
  watching.handle = slot.handle;
  slot.handle->stats.set_look_for_nan(true);
  const absl::Time now = clock_->Now();
  const bool ends = now >= watching.record.ends_at;
  const bool check_golden = ends || now >= watching.golden_due;
  if (check_golden) watching.golden_due = now + kGoldenAgain;
  return Examination{.model = name,
                     .version = watching.record.version,
                     .baseline_version = watching.record.previous,
                     .record = slot.record,
                     .handle = slot.handle,
                     .window = slot.handle->stats.Snapshot() - watching.start,
                     .baseline = watching.baseline,
                     .watch = watching.id,
                     .canary = false,
                     .check_golden = check_golden,
                     .ends = ends};
}

std::optional<Manager::Examination> Manager::ExaminationOfCanary(const std::string& name) {
  MutexLock lock(&mutex_);
  if (!canaried_.contains(name)) return std::nullopt;
  const ModelState& model = models_.at(name);
  const VersionSlot* const canary = model.Find(model.routing().canary);
  const VersionSlot* const live = model.Find(std::string(LiveVersion(model.live())));
  if (canary == nullptr || live == nullptr || canary->handle == nullptr || live->handle == nullptr) {
    return std::nullopt;
  }
  CanaryWatching& watching = canaries_[name];
  if (watching.canary != canary->handle || watching.live != live->handle) {
    for (const VersionHandle& handle : {canary->handle, live->handle}) handle->stats.set_look_for_nan(true);
    watching = {.id = ++watches_begun_,
                .canary = canary->handle,
                .live = live->handle,
                .canary_start = canary->handle->stats.Snapshot(),
                .live_start = live->handle->stats.Snapshot()};
  }
  return Examination{.model = name,
                     .version = canary->record.version,
                     .baseline_version = live->record.version,
                     .record = canary->record,
                     .handle = canary->handle,
                     .window = canary->handle->stats.Snapshot() - watching.canary_start,
                     .baseline = live->handle->stats.Snapshot() - watching.live_start,
                     .watch = watching.id,
                     .canary = true,
                     .check_golden = false,
                     .ends = false};
}

bool Manager::StillWatched(const Examination& examination) const {
  if (examination.canary) {
    const auto found = canaries_.find(examination.model);
    return found != canaries_.end() && found->second.id == examination.watch;
  }
  const auto found = watches_.find(examination.model);
  return found != watches_.end() && found->second.id == examination.watch;
}

std::optional<Breach> Manager::Examine(const Examination& examination) const {
  // With nothing to go back to, or to compare with, it is only counted.
  if (examination.baseline_version.empty()) return std::nullopt;
  const std::string baseline = absl::StrCat("version ", examination.baseline_version);
  if (std::optional<Breach> breach =
          Judge(examination.handle->guard, examination.window, examination.baseline, baseline)) {
    return breach;
  }
  if (!examination.check_golden) return std::nullopt;
  const absl::Status golden = loader_->CheckAgain(examination.record, *examination.handle);
  if (golden.ok()) return std::nullopt;
  if (!absl::IsInvalidArgument(golden)) {
    LogWarning("golden samples could not be run again",
               {{"model", examination.model}, {"version", examination.version}, {"error", golden}});
    return std::nullopt;
  }
  const std::string what(golden.message());
  const nlohmann::json evidence = {{"rule", "golden"}, {"golden", what}};
  // A model's own words need not be UTF-8, which dump would throw at.
  return Breach{.reason = absl::StrCat("a golden sample came out otherwise in place: ", what),
                .evidence = evidence.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

void Manager::Conclude(const Examination& examination, const std::optional<Breach>& breach) {
  MutexLock lock(&mutex_);
  // A person may have moved live or the canary meanwhile, even away and back.
  if (!StillWatched(examination)) return;
  ModelState& model = models_.at(examination.model);
  if (examination.canary) {
    if (!breach.has_value()) return;
    Routing next = model.routing();
    next.canary.clear();
    next.canary_share = 0;
    EventRecord event = Event(action::kCanary, model.name(), examination.version, kDaemon,
                              absl::StrCat("off: ", breach->reason));
    event.evidence = breach->evidence;
    if (const absl::Status committed = registry_->SetRouting(model.name(), next, event); !committed.ok()) {
      LogError("canary could not be ended; tried again", {{"model", model.name()}, {"error", committed}});
      return;
    }
    LogError("canary ended", {{"model", model.name()},
                              {"version", examination.version},
                              {"reason", breach->reason},
                              {"evidence", breach->evidence}});
    model.SetRouting(std::move(next));
    NoteCanary(model);
    Reconcile(model);
    return;
  }
  if (breach.has_value()) {
    RollBackBreached(model, examination, *breach);
  } else if (examination.ends) {
    const std::string reason = absl::StrCat(examination.window.requests, " requests, ",
                                            examination.window.errors, " failed by its fault");
    const absl::Status ended = registry_->EndWatch(
        model.name(), Event(action::kWatchPassed, model.name(), examination.version, kDaemon, reason));
    if (!ended.ok()) {
      LogError("end of a watch could not be recorded; tried again",
               {{"model", model.name()}, {"error", ended}});
      return;
    }
    LogInfo(action::kWatchPassed,
            {{"model", model.name()}, {"version", examination.version}, {"counts", reason}});
    const auto watching = watches_.find(examination.model);
    if (watching->second.handle != nullptr && !canaried_.contains(model.name())) {
      watching->second.handle->stats.set_look_for_nan(false);
    }
    watches_.erase(watching);
  }
}

void Manager::RollBackBreached(ModelState& model, const Examination& examination, const Breach& breach) {
  const Command command{.model = model.name(),
                        .version = "",
                        .actor = kDaemon,
                        .reason = breach.reason,
                        .evidence = breach.evidence};
  Timeout patience(kRollbackPatience);
  // What else is live by then is none of this watch's business.
  const auto still_wanted = [&] {
    mutex_.AssertHeld();
    return StillWatched(examination);
  };
  const absl::StatusOr<LiveChange> change =
      RollBackNow(model, action::kAutoRollback, command, patience, still_wanted);
  if (!change.ok() && !absl::IsAborted(change.status())) {
    LogError("live could not be moved back; tried again", {{"model", model.name()},
                                                           {"version", examination.version},
                                                           {"breach", breach.reason},
                                                           {"error", change.status()}});
  }
  Reconcile(model);
}

std::optional<WatchRecord> Manager::NewWatch(const ModelState& model, const LiveState& next) const {
  const VersionSlot* const slot = model.Find(std::string(LiveVersion(next)));
  if (slot == nullptr || slot->handle == nullptr) return std::nullopt;
  const absl::Duration span = slot->handle->guard.watch;
  if (span <= absl::ZeroDuration()) return std::nullopt;
  return WatchRecord{
      .version = slot->record.version,
      .previous = PreviousVersion(next, [&](std::string_view version) { return model.Usable(version); }),
      .ends_at = clock_->Now() + span,
      .deaths = 0};
}

void Manager::BeginWatch(const ModelState& model, const std::optional<WatchRecord>& watch,
                         const std::string& from) {
  if (const auto before = watches_.find(model.name()); before != watches_.end()) {
    if (before->second.handle != nullptr) before->second.handle->stats.set_look_for_nan(false);
    watches_.erase(before);
  }
  canaries_.erase(model.name());  // compared with live as it was
  if (!watch.has_value()) return;
  const VersionHandle& handle = model.Find(watch->version)->handle;
  handle->stats.set_look_for_nan(true);
  Watching watching{.record = *watch,
                    .id = ++watches_begun_,
                    .handle = handle,
                    .start = handle->stats.Snapshot(),
                    .baseline = {},
                    .golden_due = clock_->Now()};
  if (const VersionSlot* const slot = model.Find(from); slot != nullptr && slot->handle != nullptr) {
    watching.baseline = slot->handle->stats.Snapshot();
  }
  watches_[model.name()] = std::move(watching);
  watch_work_.Signal();
}

void Manager::NoteCanary(const ModelState& model) {
  if (!model.routing().canary.empty()) {
    canaried_.insert(model.name());
    watch_work_.Signal();
  } else {
    canaried_.erase(model.name());
    canaries_.erase(model.name());
  }
}

}  // namespace modeld
