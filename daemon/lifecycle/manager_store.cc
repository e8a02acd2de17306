// What the care of the artifact store asks of the Manager.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/base/log.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// In memory, or on its way in or out.
bool Occupied(const ModelState& model, const VersionSlot& slot) {
  if (slot.probing || slot.loading || slot.handle != nullptr || slot.instances > 0 || slot.holds > 0 ||
      slot.prepared) {
    return true;
  }
  const std::vector<std::string> keep = model.Decide().keep;
  return std::find(keep.begin(), keep.end(), slot.record.version) != keep.end();
}

}  // namespace

bool Manager::InMemory(const std::string& model, const std::string& version) const {
  MutexLock lock(&mutex_);
  const auto found = models_.find(model);
  if (found == models_.end()) return false;
  const VersionSlot* const slot = found->second.Find(version);
  return slot != nullptr && Occupied(found->second, *slot);
}

absl::Status Manager::Collect(const Command& command) {
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(ModelState* const found, FindForChange(command.model));
  ModelState& model = *found;
  MODELD_ASSIGN_OR_RETURN(const VersionSlot* const slot, FindVersion(model, command.version));
  if (Occupied(model, *slot)) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameVersion(command.model, command.version), " is in memory, or about to be"));
  }
  // What else keeps it is in the registry, which looks in the same transaction.
  MODELD_RETURN_IF_ERROR(registry_->CollectVersion(
      command.model, command.version,
      Event(action::kCollected, command.model, command.version, command.actor, command.reason)));
  model.SetDisposition(command.version, Disposition::kRetired, kCollectedReason);
  LogInfo(action::kCollected, {{"model", command.model},
                               {"version", command.version},
                               {"actor", command.actor},
                               {"reason", command.reason}});
  Reconcile(model);
  return absl::OkStatus();
}

absl::Status Manager::Quarantine(const Command& command) {
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(ModelState* const found, FindForChange(command.model));
  ModelState& model = *found;
  MODELD_ASSIGN_OR_RETURN(const VersionSlot* const slot, FindVersion(model, command.version));
  if (!slot->usable()) return absl::OkStatus();
  if (LiveVersion(model.live()) == command.version) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameVersion(command.model, command.version), " is live"));
  }
  MODELD_RETURN_IF_ERROR(CommitDisposition(
      model, command.version, Disposition::kQuarantined, command.reason,
      Event(action::kQuarantined, command.model, command.version, command.actor, command.reason)));
  Reconcile(model);
  return absl::OkStatus();
}

absl::Status Manager::NoteArtifactsReturned(ModelState& model, const VersionSlot& slot) {
  if (!IsCollected(slot.record)) return absl::OkStatus();
  const std::string version = slot.record.version;
  const std::string reason = "collected, and dropped again since";
  return CommitDisposition(model, version, Disposition::kRetired, reason,
                           Event(action::kRetire, model.name(), version, kDaemon, reason));
}

void Manager::Reload(const VersionRecord& version, const std::string& plan, int64_t resident_bytes) {
  MutexLock lock(&mutex_);
  const auto found = models_.find(version.model);
  if (found == models_.end()) return;
  ModelState& model = found->second;
  const VersionSlot* const slot = model.Find(version.version);
  if (slot == nullptr || (slot->handle == nullptr && !slot->loading)) return;
  // Of a load in progress nobody knows yet what it comes to: it may have begun before the plan was known.
  if (!slot->loading && slot->handle->plan == plan) return;
  model.WishReload(version.version, plan, resident_bytes);
  SetWishes(model, model.Decide().keep);
}

}  // namespace modeld
