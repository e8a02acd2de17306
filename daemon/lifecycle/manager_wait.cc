// Waiting for what becomes of a version.
#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/version_names.h"

namespace modeld {

absl::StatusOr<FateReport> Manager::WaitVersion(const std::string& model, const std::string& version,
                                                absl::Duration timeout) const {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  while (true) {
    const auto found = models_.find(model);
    const VersionSlot* const slot = found == models_.end() ? nullptr : found->second.Find(version);
    if (slot != nullptr) {
      if (std::optional<FateReport> report = FateOf(found->second, version)) return *std::move(report);
    }
    if (stopping_) return absl::UnavailableError("the daemon is shutting down");
    if (patience.Wait(&changed_, &mutex_)) continue;
    const std::string name = NameVersion(model, version);
    if (slot == nullptr) return absl::NotFoundError(absl::StrCat(name, " was not registered in time"));
    std::string state(VersionStateName(StateOf(*slot)));
    if (!slot->load_error.empty()) absl::StrAppend(&state, " (", slot->load_error, ")");
    return absl::DeadlineExceededError(absl::StrCat(name, " is still ", state));
  }
}

}  // namespace modeld
