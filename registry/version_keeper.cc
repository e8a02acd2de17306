#include "registry/version_keeper.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

EventRecord NewEvent(const Clock& clock, const char* action, const std::string& model,
                     const std::string& version, const std::string& actor, const std::string& reason) {
  EventRecord event;
  event.time = clock.Now();
  event.actor = actor;
  event.action = action;
  event.model = model;
  event.version = version;
  event.reason = reason;
  return event;
}

}  // namespace

bool RegistryKeeper::InMemory(const std::string&, const std::string&) { return false; }

absl::Status RegistryKeeper::Collect(const std::string& model, const std::string& version,
                                     const std::string& actor, const std::string& reason) {
  return registry_->CollectVersion(model, version,
                                   NewEvent(*clock_, action::kCollected, model, version, actor, reason));
}

absl::Status RegistryKeeper::Quarantine(const std::string& model, const std::string& version,
                                        const std::string& actor, const std::string& reason) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<ModelRecord> models, registry_->ListModels());
  for (const ModelRecord& known : models) {
    if (known.name != model) continue;
    for (const VersionRecord& record : known.versions) {
      if (record.version != version) continue;
      if (record.disposition != Disposition::kGood) return absl::OkStatus();
      if (LiveVersion(known.live) == version) {
        return absl::FailedPreconditionError(
            absl::StrCat("version ", Quote(version), " of model ", Quote(model), " is live"));
      }
      return registry_->SetDisposition(
          model, version, Disposition::kQuarantined, reason,
          NewEvent(*clock_, action::kQuarantined, model, version, actor, reason));
    }
  }
  return absl::NotFoundError(
      absl::StrCat("version ", Quote(version), " of model ", Quote(model), " is not registered"));
}

}  // namespace modeld
