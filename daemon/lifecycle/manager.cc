#include "daemon/lifecycle/manager.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/base/closest_match.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// Once may be anything: a person with kill -9, a power cut.
constexpr int kTooManyDeaths = 2;

// A version that went live, and under which the daemon died again and again, is left before it is loaded: it
// would take the daemon down at every start.
absl::Status RollBackDeadly(Registry& registry, absl::Time now, ModelRecord& model, int64_t* rolled_back) {
  if (!model.watch.has_value() || model.watch->deaths < kTooManyDeaths || model.watch->ends_at <= now) {
    return absl::OkStatus();
  }
  const WatchRecord watch = *model.watch;
  const std::string reason = absl::StrCat("the daemon died ", watch.deaths, " times since version ",
                                          Quote(watch.version), " went live");
  const auto usable = [&](std::string_view version) {
    return std::any_of(model.versions.begin(), model.versions.end(), [&](const VersionRecord& record) {
      return record.version == version && record.disposition == Disposition::kGood;
    });
  };
  const absl::StatusOr<LiveState> next = modeld::Rollback(model.live, watch.previous, reason, usable);
  if (!next.ok()) {
    LogError("nowhere to go back to", {{"model", model.name}, {"reason", reason}, {"error", next.status()}});
    return absl::OkStatus();
  }
  EventRecord event;
  event.time = now;
  event.actor = "daemon";
  event.action = action::kAutoRollback;
  event.model = model.name;
  event.version = std::string(LiveVersion(*next));
  event.from_version = watch.version;
  event.to_version = event.version;
  event.reason = reason;
  event.evidence = absl::StrCat(R"({"deaths":)", watch.deaths, "}");
  MODELD_RETURN_IF_ERROR(registry.SetLiveState(model.name, *next, event));
  LogError(
      "auto_rollback",
      {{"model", model.name}, {"from", event.from_version}, {"to", event.to_version}, {"reason", reason}});
  model.live = *next;
  model.watch.reset();
  ++*rolled_back;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Manager>> Manager::Start(ManagerParts parts) {
  const absl::Time now = parts.clock->Now();
  MODELD_RETURN_IF_ERROR(parts.registry->CountDeaths(now));
  MODELD_ASSIGN_OR_RETURN(std::vector<ModelRecord> models, parts.registry->ListModels());
  int64_t rolled_back = 0;
  for (ModelRecord& model : models) {
    MODELD_RETURN_IF_ERROR(RollBackDeadly(*parts.registry, now, model, &rolled_back));
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<ReleaseRecord> releases, parts.registry->ListReleases());
  if (parts.on_serving_changed) {
    for (const ModelRecord& model : models) parts.on_serving_changed(model.name, false);
  }
  std::unique_ptr<Manager> manager(new Manager(std::move(parts), std::move(models), std::move(releases)));
  MutexLock lock(&manager->mutex_);
  manager->counts_.automatic_rollbacks += rolled_back;
  return manager;
}

Manager::Manager(ManagerParts parts, std::vector<ModelRecord> models, std::vector<ReleaseRecord> releases)
    : registry_(parts.registry),
      loader_(parts.loader),
      prober_(parts.prober),
      table_(parts.table),
      clock_(parts.clock),
      on_serving_changed_(std::move(parts.on_serving_changed)),
      on_loaded_(std::move(parts.on_loaded)),
      memory_budget_bytes_(parts.memory_budget_bytes),
      memory_policy_(parts.memory_policy),
      reaper_([this](const std::string& model, const std::string& version) { OnDestroyed(model, version); }) {
  std::vector<std::pair<std::string, std::shared_ptr<const ServingEntry>>> entries;
  entries.reserve(models.size());
  for (ModelRecord& record : models) {
    const std::string name = record.name;
    if (record.watch.has_value()) {
      watches_[name] = {.record = *record.watch,
                        .id = ++watches_begun_,
                        .handle = nullptr,
                        .start = {},
                        .baseline = {},
                        .golden_due = {}};
    }
    models_.try_emplace(name, std::move(record), /*probes=*/prober_ != nullptr);
  }
  for (ReleaseRecord& release : releases) {
    // In the order in which they came: the last of a name counts.
    std::erase_if(releases_, [&](const auto& known) { return known.second.name == release.name; });
    if (release.state != ReleaseState::kLive) releases_[release.id] = std::move(release);
  }
  for (const auto& [id, release] : releases_) NotePrepared(release.members);
  for (const auto& [name, model] : models_) {
    NoteCanary(model);
    // Nothing is in memory yet, so there is nothing to move or to unload.
    const PolicyDecision decision = model.Decide();
    SetWishes(model, decision.keep);
    if (!model.live().history.empty() && model.Starting(decision.keep)) starting_.insert(name);
    entries.emplace_back(name, model.Entry());
  }
  table_->PublishAll(std::move(entries));
  loading_thread_ = std::thread([this] { LoadLoop(); });
  if (prober_ != nullptr) probing_thread_ = std::thread([this] { ProbeLoop(); });
  watching_thread_ = std::thread([this] { WatchLoop(); });
}

Manager::~Manager() {
  Stop();
  loading_thread_.join();
  if (probing_thread_.joinable()) probing_thread_.join();
  watching_thread_.join();
  table_->Clear();
  MutexLock lock(&mutex_);
  canaries_.clear();
  watches_.clear();
  models_.clear();
}

void Manager::Stop() {
  if (prober_ != nullptr) prober_->Cancel();
  MutexLock lock(&mutex_);
  stopping_ = true;
  load_work_.SignalAll();
  probe_work_.SignalAll();
  watch_work_.SignalAll();
  changed_.SignalAll();
}

void Manager::Poke() {
  MutexLock lock(&mutex_);
  load_work_.SignalAll();
  probe_work_.SignalAll();
}

// --- The loading thread ---

void Manager::LoadLoop() {
  while (const std::optional<NextVersion> next = NextLoad()) {
    FinishLoad(next->record, loader_->Load(next->record, next->awaited));
  }
}

std::optional<Manager::NextVersion> Manager::NextLoad() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Time now = clock_->Now();
    RetryMoves(now);
    absl::Duration idle = std::min(NextLoadDue() - now, absl::Hours(1));
    if (const std::optional<LoadJob> job = load_queue_.Front(now)) {
      switch (Admit(*job, now)) {
        case Admission::kLoad: {
          (void)load_queue_.Pop(now);
          ModelState& model = models_.at(job->model);
          model.BeginLoad(job->version);
          loading_ = true;
          PublishEntry(model);
          const VersionSlot& slot = *model.Find(job->version);
          // Also where the model that had a live version answers nobody.
          const bool awaited = slot.urgent || (!model.live().history.empty() && !model.Serving());
          return NextVersion{.record = slot.record, .awaited = awaited};
        }
        case Admission::kRefused:
          continue;
        case Admission::kWait:  // for a version to be destroyed, which is signalled
          idle = kMoveAgain;
          break;
      }
    }
    load_work_.WaitWithTimeout(&mutex_, idle);
  }
  return std::nullopt;
}

void Manager::FinishLoad(const VersionRecord& record, absl::StatusOr<LoadedVersion> loaded) {
  VersionHandle handle;
  if (loaded.ok()) handle = reaper_.MakeHandle(std::move(loaded->version));

  MutexLock lock(&mutex_);
  loading_ = false;
  ModelState& model = models_.at(record.model);
  if (loaded.ok()) {
    // Of a version that is loaded again: what it was goes when its requests are done.
    if (model.Find(record.version)->handle != nullptr) BeginDrain(*model.Find(record.version));
    model.EndLoad(record.version, std::move(handle), std::move(loaded->warnings), ++loads_);
    used_bytes_ += model.Find(record.version)->instance_bytes;
    ++counts_.loads;
    LogInfo("version loaded", {{"model", record.model}, {"version", record.version}});
  } else if (model.Find(record.version)->handle != nullptr) {
    ++counts_.failed_loads;
    LogWarning("version could not be loaded again; it stays as it is",
               {{"model", record.model}, {"version", record.version}, {"error", loaded.status()}});
    model.FailReload(record.version);
  } else {
    NoteFailedLoad(model, record.version, loaded.status());
  }
  Reconcile(model);
  // It may have been retired, or left behind, while it was loaded.
  if (on_loaded_ && loaded.ok() && model.Find(record.version)->handle != nullptr) {
    announcements_.Post([this, record] { on_loaded_(record); });
  }
}

void Manager::NoteFailedLoad(ModelState& model, const std::string& version, const absl::Status& why) {
  ++counts_.failed_loads;
  LogError("version could not be loaded", {{"model", model.name()}, {"version", version}, {"error", why}});
  model.FailLoad(version, why, clock_->Now());
  // A retired version was tried for a command, or retired while it was loaded: it stays what a person made
  // it.
  if (!absl::IsInvalidArgument(why) || model.Find(version)->record.disposition == Disposition::kRetired)
    return;

  Quarantine(model, version, std::string(why.message()), /*evidence=*/"");
}

void Manager::Quarantine(ModelState& model, const std::string& version, const std::string& reason,
                         const std::string& evidence) {
  EventRecord event = Event(action::kQuarantined, model.name(), version, kDaemon, reason);
  event.evidence = evidence;
  const absl::Status committed = CommitDisposition(model, version, Disposition::kQuarantined, reason, event);
  if (!committed.ok()) {
    // Not on disk, so not in force: it counts as a passing failure, and is found out again.
    LogError("quarantine could not be recorded",
             {{"model", model.name()}, {"version", version}, {"error", committed}});
  }
}

void Manager::RetryMoves(absl::Time now) {
  std::vector<std::string> due;
  for (const auto& [model, when] : move_again_) {
    if (IsDue(when, now)) due.push_back(model);
  }
  for (const std::string& model : due) Reconcile(models_.at(model));
}

absl::Time Manager::NextLoadDue() const {
  absl::Time next = load_queue_.NextDue();
  for (const auto& [model, when] : move_again_) next = std::min(next, when);
  return next;
}

void Manager::OnDestroyed(const std::string& model, const std::string& version) {
  LogInfo("version unloaded", {{"model", model}, {"version", version}});
  MutexLock lock(&mutex_);
  // While the Manager is destroyed, the models go before the last instances.
  if (const auto found = models_.find(model); found != models_.end()) {
    const VersionSlot& slot = *found->second.Find(version);
    const int64_t bytes = slot.instance_bytes;
    found->second.InstanceDestroyed(version);
    --draining_;
    NoteDrained(model, version);
    draining_bytes_ -= bytes;
    used_bytes_ -= bytes;
    used_bytes_ += slot.instances * (slot.instance_bytes - bytes);
    RetryRefused();
    load_work_.Signal();
  }
  changed_.SignalAll();
}

// --- Deciding ---

void Manager::Reconcile(ModelState& model) {
  ReconcileAlone(model);
  CheckReleases(model);
}

void Manager::ReconcileAlone(ModelState& model) {
  const PolicyDecision decision = model.Decide();
  MoveLiveTo(model, decision);
  // `keep` holds where live was and where it should be: right whether or not the move was committed.
  const std::vector<VersionHandle> unneeded = model.TakeUnneeded(decision.keep);
  for (const VersionHandle& handle : unneeded) BeginDrain(*model.Find(handle->version));
  SetWishes(model, decision.keep);
  PublishEntry(model);
  if (!model.Starting(decision.keep)) starting_.erase(model.name());
  changed_.SignalAll();
}

void Manager::SetWishes(const ModelState& model, const std::vector<std::string>& keep) {
  ModelWishes wishes = model.Wishes(keep);
  load_queue_.Set(model.name(), wishes.loads);
  probe_queue_.Set(model.name(), wishes.probes);
  load_work_.Signal();
  probe_work_.Signal();
}

void Manager::MoveLiveTo(ModelState& model, const PolicyDecision& decision) {
  move_again_.erase(model.name());
  if (decision.live.empty() || decision.live == LiveVersion(model.live())) return;
  const absl::Status committed =
      CommitLive(model, MoveLive(model.live(), decision.live),
                 Event(action::kPublished, model.name(), decision.live, kDaemon, decision.reason));
  if (!committed.ok()) {
    LogError("version could not be made live; it is tried again",
             {{"model", model.name()}, {"version", decision.live}, {"error", committed}});
    move_again_[model.name()] = clock_->Now() + kMoveAgain;
    return;
  }
  DropRoutesToLive(model);
}

void Manager::PublishEntry(const ModelState& model) {
  table_->Publish(model.name(), model.Entry());
  NotePublished(model.name());
  const bool serving = model.Serving();
  const bool changed = serving ? serving_.insert(model.name()).second : serving_.erase(model.name()) > 0;
  if (changed && on_serving_changed_) {
    announcements_.Post([this, name = model.name(), serving] { on_serving_changed_(name, serving); });
  }
}

EventRecord Manager::Event(const char* action, const std::string& model, const std::string& version,
                           const std::string& actor, const std::string& reason) const {
  return {.id = 0,
          .time = clock_->Now(),
          .actor = actor,
          .action = action,
          .model = model,
          .version = version,
          .from_version = "",
          .to_version = "",
          .reason = reason,
          .evidence = ""};
}

absl::Status Manager::CommitLive(ModelState& model, LiveState next, EventRecord event) {
  const absl::Duration begun = clock_->Steady();
  event.from_version = std::string(LiveVersion(model.live()));
  event.to_version = std::string(LiveVersion(next));
  LiveMove move{.model = model.name(), .state = next, .event = event};
  const bool back = event.action == action::kRollback || event.action == action::kAutoRollback;
  move.keep_watch = !back && event.from_version == event.to_version;
  if (!move.keep_watch && !back) move.watch = NewWatch(model, next);
  MODELD_RETURN_IF_ERROR(registry_->SetLiveStates({move}));
  model.SetLive(std::move(next));
  if (event.from_version != event.to_version) NoteSwap(model.name(), begun);
  if (event.action == action::kRollback) ++counts_.rollbacks;
  if (event.action == action::kAutoRollback) ++counts_.automatic_rollbacks;
  LogInfo(event.action, {{"model", event.model},
                         {"from", event.from_version},
                         {"to", event.to_version},
                         {"actor", event.actor},
                         {"reason", event.reason}});
  if (!move.keep_watch) BeginWatch(model, move.watch, event.from_version);
  return absl::OkStatus();
}

absl::Status Manager::CommitDisposition(ModelState& model, const std::string& version,
                                        Disposition disposition, const std::string& reason,
                                        const EventRecord& event) {
  MODELD_RETURN_IF_ERROR(registry_->SetDisposition(model.name(), version, disposition, reason, event));
  model.SetDisposition(version, disposition, reason);
  if (disposition == Disposition::kQuarantined) ++counts_.quarantines;
  LogInfo(
      event.action,
      {{"model", event.model}, {"version", event.version}, {"actor", event.actor}, {"reason", event.reason}});
  return absl::OkStatus();
}

// --- Views ---

std::vector<ModelView> Manager::ListModels(const std::string& after, size_t limit) const {
  std::vector<ModelView> views;
  MutexLock lock(&mutex_);
  for (auto model = models_.upper_bound(after); model != models_.end() && views.size() < limit; ++model) {
    views.push_back(ViewOf(model->second));
  }
  return views;
}

absl::StatusOr<ModelView> Manager::GetModel(const std::string& name) const {
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(const ModelState* model, FindModel(name));
  return ViewOf(*model);
}

ModelView Manager::ViewOf(const ModelState& model) const {
  ModelView view = model.View();
  if (const auto watching = watches_.find(model.name()); watching != watches_.end()) {
    const WatchRecord& watch = watching->second.record;
    view.watch = WatchView{.version = watch.version, .previous = watch.previous, .ends_at = watch.ends_at};
  }
  return view;
}

ManagerCounts Manager::Counts() const {
  ManagerCounts counts;
  MutexLock lock(&mutex_);
  for (const auto& [name, model] : models_) model.CountInto(&counts);
  return counts;
}

bool Manager::ready() const {
  MutexLock lock(&mutex_);
  return starting_.empty();
}

bool Manager::WaitReady(absl::Duration timeout) const {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  while (!starting_.empty()) {
    if (!patience.Wait(&changed_, &mutex_)) return false;
  }
  return true;
}

bool Manager::WaitSettled(absl::Duration timeout) const {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  while (loading_ || probing_ || draining_ > 0 ||
         (!stopping_ && std::min(NextLoadDue(), probe_queue_.NextDue()) <= clock_->Now())) {
    if (!patience.Wait(&changed_, &mutex_)) return false;
  }
  return true;
}

absl::StatusOr<const ModelState*> Manager::FindModel(const std::string& name) const {
  if (const auto model = models_.find(name); model != models_.end()) return &model->second;
  std::vector<std::string> names;
  names.reserve(models_.size());
  for (const auto& [known, unused] : models_) names.push_back(known);
  return absl::NotFoundError(
      absl::StrCat("no model ", Quote(name), DidYouMean(name, names), "; models registered: ", names.size()));
}

}  // namespace modeld
