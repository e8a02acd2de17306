// What is asked of the Manager from outside: registering, and a person's commands.
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// As many digits of a hash as tell artifacts apart in a message.
std::string ShortHash(const std::string& sha256) { return sha256.substr(0, 12); }

absl::Status Conflict(const VersionSlot& known, const VersionRecord& version) {
  return absl::AlreadyExistsError(
      absl::StrCat(NameVersion(version.model, version.version), " is registered with other bytes (sha256 ",
                   ShortHash(known.record.sha256), ", this file ", ShortHash(version.sha256),
                   "); versions are immutable: give the new file a new version string"));
}

// `what` is what differs beside equal bytes.
absl::Status Conflict(const VersionRecord& version, const std::string& what) {
  return absl::AlreadyExistsError(absl::StrCat(
      NameVersion(version.model, version.version), " is registered with the same bytes (sha256 ",
      ShortHash(version.sha256), ") but ", what, "; versions are immutable: give it a new version string"));
}

// "canary", "shadow" or "label \"stable\"", where requests are routed to the version; empty: none are.
std::string RouteTo(const Routing& routing, const std::string& version) {
  if (routing.canary == version) return "canary";
  if (routing.shadow == version) return "shadow";
  for (const auto& [label, of] : routing.labels) {
    if (of == version) return absl::StrCat("label ", Quote(label));
  }
  return "";
}

// Says which model an error of the pure functions is about.
absl::Status OfModel(const ModelState& model, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("model ", Quote(model.name()), ": ", std::string(status.message())));
}

}  // namespace

absl::Status Manager::Register(const VersionRecord& version, const std::string& canonical_config,
                               const std::vector<VersionFile>& files) {
  MutexLock lock(&mutex_);
  if (const auto model = models_.find(version.model); model != models_.end()) {
    if (const VersionSlot* known = model->second.Find(version.version)) {
      return RegisterAgain(model->second, *known, version, canonical_config, files);
    }
  }
  VersionRecord record = version;
  record.disposition = Disposition::kGood;
  record.reason.clear();
  record.registered_at = clock_->Now();
  record.probed = false;
  MODELD_RETURN_IF_ERROR(registry_->RegisterVersion(
      record, canonical_config, Event(action::kRegistered, version.model, version.version, kDaemon, ""),
      files));
  LogInfo("version registered",
          {{"model", version.model}, {"version", version.version}, {"sha256", version.sha256}});
  ModelState& model =
      models_
          .try_emplace(
              version.model,
              ModelRecord{.name = version.model, .live = {}, .routing = {}, .watch = {}, .versions = {}},
              /*probes=*/prober_ != nullptr)
          .first->second;
  model.AddVersion(std::move(record));
  Reconcile(model);
  return absl::OkStatus();
}

absl::Status Manager::CheckSame(const VersionSlot& known, const NewVersion& added) const {
  const VersionRecord& version = added.version;
  if (known.record.sha256 != version.sha256) return Conflict(known, version);
  MODELD_ASSIGN_OR_RETURN(const std::string config, registry_->ConfigOf(version.model, version.version));
  if (config != added.canonical_config) return Conflict(version, "another config");
  MODELD_ASSIGN_OR_RETURN(const std::vector<VersionFile> files,
                          registry_->FilesOf(version.model, version.version));
  if (files != added.files) return Conflict(version, "other golden samples");
  return absl::OkStatus();
}

absl::Status Manager::RegisterAgain(ModelState& model, const VersionSlot& known, const VersionRecord& version,
                                    const std::string& canonical_config,
                                    const std::vector<VersionFile>& files) {
  MODELD_RETURN_IF_ERROR(CheckSame(known, {version, canonical_config, files}));
  switch (known.record.disposition) {
    case Disposition::kGood:
      return absl::OkStatus();
    case Disposition::kRetired:
      // Its artifacts are back in the store, and now they stay there.
      MODELD_RETURN_IF_ERROR(NoteArtifactsReturned(model, known));
      return absl::FailedPreconditionError(
          absl::StrCat(NameVersion(version.model, version.version),
                       " is retired; bring it back with: ", PromoteCommand(version.model, version.version)));
    case Disposition::kQuarantined:
      break;
  }
  MODELD_RETURN_IF_ERROR(CommitDisposition(
      model, version.version, Disposition::kGood, "",
      Event(action::kReinstated, version.model, version.version, kDaemon, "dropped again")));
  Reconcile(model);
  return absl::OkStatus();
}

absl::StatusOr<LiveChange> Manager::Rollback(const Command& command, absl::Duration timeout) {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(ModelState* const model, FindForChange(command.model));
  absl::StatusOr<LiveChange> change = RollBackNow(*model, action::kRollback, command, patience);
  Reconcile(*model);
  return change;
}

absl::StatusOr<LiveChange> Manager::RollBackNow(ModelState& model, const char* action, const Command& command,
                                                Timeout& patience,
                                                const std::function<bool()>& still_wanted) {
  const auto next = [&](const std::string& to) -> absl::StatusOr<LiveState> {
    absl::StatusOr<LiveState> state = modeld::Rollback(
        model.live(), to, command.reason, [&](std::string_view version) { return model.Usable(version); });
    if (!state.ok()) return OfModel(model, state.status());
    return state;
  };
  if (!command.version.empty()) MODELD_RETURN_IF_ERROR(FindVersion(model, command.version).status());
  MODELD_ASSIGN_OR_RETURN(const LiveState planned, next(command.version));
  // The version that the caller saw as the one before, whatever happens while it is loaded.
  const std::string to(LiveVersion(planned));
  MODELD_RETURN_IF_ERROR(AwaitLoaded(model, to, /*to_make_live=*/true, patience));
  // Where what was live had to go first, the policy may have moved there by itself: then this pins it.
  if (still_wanted != nullptr && LiveVersion(model.live()) == to) {
    LiveState pinned = model.live();
    pinned.pinned = to;
    pinned.pin_reason = command.reason;
    return CommitCommand(model, action, to, std::move(pinned), command);
  }
  if (still_wanted != nullptr && !still_wanted()) return absl::AbortedError("live was moved meanwhile");
  MODELD_ASSIGN_OR_RETURN(LiveState state, next(to));
  return CommitCommand(model, action, to, std::move(state), command);
}

absl::StatusOr<LiveChange> Manager::Promote(const Command& command, absl::Duration timeout) {
  if (command.version.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("promote needs the version of model ", Quote(command.model), " that is to be live"));
  }
  return MakeLive(command, /*pin=*/false, timeout);
}

absl::StatusOr<LiveChange> Manager::Pin(const Command& command, absl::Duration timeout) {
  return MakeLive(command, /*pin=*/true, timeout);
}

absl::StatusOr<LiveChange> Manager::MakeLive(const Command& command, bool pin, absl::Duration timeout) {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(ModelState* const model, FindForChange(command.model));
  absl::StatusOr<LiveChange> change = MakeLiveNow(*model, command, pin, patience);
  Reconcile(*model);
  return change;
}

absl::StatusOr<LiveChange> Manager::MakeLiveNow(ModelState& model, const Command& command, bool pin,
                                                Timeout& patience) {
  std::string version = command.version;
  if (version.empty()) version = LiveVersion(model.live());
  if (version.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", Quote(model.name()),
                     " has no live version to pin; name one of: ", ListVersions(model.Versions())));
  }
  MODELD_ASSIGN_OR_RETURN(const VersionSlot* const slot, FindVersion(model, version));
  if (IsCollected(slot->record)) {
    // Its file may be there a moment longer, but goes.
    return absl::FailedPreconditionError(
        absl::StrCat(NameVersion(model.name(), version),
                     " was collected: its artifact is removed from the store; drop its file again first"));
  }
  MODELD_RETURN_IF_ERROR(AwaitLoaded(model, version, /*to_make_live=*/true, patience));
  if (!slot->usable()) {
    // Only now: a version that brings the daemon down while it is loaded is not tried again at the next
    // start.
    MODELD_RETURN_IF_ERROR(
        CommitDisposition(model, version, Disposition::kGood, "",
                          Event(action::kReinstated, model.name(), version, command.actor, command.reason)));
  }
  LiveState next = modeld::Promote(model.live(), version, pin, model.HighestUsable(), command.reason);
  return CommitCommand(model, pin ? action::kPin : action::kPromote, version, std::move(next), command);
}

absl::StatusOr<LiveChange> Manager::Unpin(const Command& command, absl::Duration) {
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(ModelState* const model, FindForChange(command.model));
  const std::string from(LiveVersion(model->live()));
  if (model->live().pinned.empty())
    return LiveChange{.model = model->name(), .from = from, .to = from, .pinned = ""};
  absl::StatusOr<LiveChange> change =
      CommitCommand(*model, action::kUnpin, model->live().pinned, modeld::Unpin(model->live()), command);
  Reconcile(*model);
  if (change.ok()) change->to = LiveVersion(model->live());
  return change;
}

absl::Status Manager::Retire(const Command& command) {
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(ModelState* const model, FindForChange(command.model));
  MODELD_ASSIGN_OR_RETURN(const VersionSlot* const slot, FindVersion(*model, command.version));
  const std::string name = NameVersion(command.model, command.version);
  if (slot->usable() && LiveVersion(model->live()) == command.version) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " is live; make another one live first, with modelctl promote or rollback"));
  }
  if (const std::string route = RouteTo(model->routing(), command.version); !route.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(name, " is the model's ", route, "; end that first"));
  }
  if (model->live().pinned == command.version) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " is pinned; let it go first with: modelctl unpin ", command.model));
  }
  if (slot->record.disposition == Disposition::kRetired) {
    // Nothing to record; but a command that tries to bring it back must not.
    model->SetDisposition(command.version, Disposition::kRetired, slot->record.reason);
    return absl::OkStatus();
  }
  MODELD_RETURN_IF_ERROR(CommitDisposition(
      *model, command.version, Disposition::kRetired, command.reason,
      Event(action::kRetire, model->name(), command.version, command.actor, command.reason)));
  Reconcile(*model);
  return absl::OkStatus();
}

absl::StatusOr<ModelState*> Manager::FindForChange(const std::string& name) {
  MODELD_RETURN_IF_ERROR(FindModel(name).status());
  return &models_.at(name);
}

absl::StatusOr<const VersionSlot*> Manager::FindVersion(const ModelState& model, const std::string& version) {
  if (const VersionSlot* slot = model.Find(version)) return slot;
  return absl::NotFoundError(absl::StrCat("model ", Quote(model.name()), " has no version ", Quote(version),
                                          "; registered: ", ListVersions(model.Versions())));
}

absl::Status Manager::AwaitLoaded(ModelState& model, const std::string& version, bool to_make_live,
                                  Timeout& patience) {
  const VersionSlot& slot = *model.Find(version);
  if (slot.handle != nullptr) return absl::OkStatus();
  const uint64_t failed_loads = slot.failed_loads;
  const uint64_t retirements = slot.retirements;
  const std::string name = NameVersion(model.name(), version);

  model.Hold(version, to_make_live);
  Reconcile(model);
  if (loading_) loader_->Hurry();
  absl::Status status;
  while (status.ok() && slot.handle == nullptr) {
    if (stopping_) {
      status = absl::UnavailableError("the daemon is shutting down");
    } else if (slot.failed_loads != failed_loads) {
      status = absl::FailedPreconditionError(
          absl::StrCat(name, " cannot be loaded: ", std::string(slot.last_failure.message())));
    } else if (!patience.Wait(&changed_, &mutex_)) {
      status = absl::DeadlineExceededError(
          absl::StrCat(name, " was not loaded in time; nothing changed; try again with a longer timeout"));
    }
  }
  model.Release(version, to_make_live);
  if (status.ok() && slot.retirements != retirements) {
    status = absl::FailedPreconditionError(absl::StrCat(name, " was retired while it was loaded"));
  }
  return status;
}

absl::StatusOr<LiveChange> Manager::CommitCommand(ModelState& model, const char* action,
                                                  const std::string& version, LiveState next,
                                                  const Command& command) {
  LiveChange change{.model = model.name(),
                    .from = std::string(LiveVersion(model.live())),
                    .to = std::string(LiveVersion(next)),
                    .pinned = next.pinned};
  EventRecord event = Event(action, model.name(), version, command.actor, command.reason);
  event.evidence = command.evidence;
  MODELD_RETURN_IF_ERROR(CommitLive(model, std::move(next), std::move(event)));
  DropRoutesToLive(model);
  return change;
}

}  // namespace modeld
