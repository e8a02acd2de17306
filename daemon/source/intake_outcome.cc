// What becomes of a file that Intake looked at, and what is shown of it.
#include <optional>

#include "absl/strings/str_cat.h"
#include "daemon/source/intake.h"
#include "registry/base/log.h"

namespace modeld {
namespace {

// The device does not count: network and container file systems have another number after every mount, which
// must not make every file new.
bool IsUnchanged(FileIdentity before, const FileIdentity& now) {
  before.device = now.device;
  return before == now;
}

}  // namespace

bool Intake::IsRemembered(const ScannedFile& file) const {
  const auto it = remembered_.find(file.path);
  return it != remembered_.end() && IsUnchanged(it->second.identity, file.identity) &&
         IsUnchanged(it->second.sidecar, file.sidecar);
}

void Intake::Remember(const ScannedFile& file, FileOutcome outcome, const TakeResult& result) {
  const FileRecord record{.path = file.path,
                          .identity = file.identity,
                          .sidecar = file.sidecar,
                          .outcome = outcome,
                          .sha256 = result.sha256,
                          .model = result.identity.name,
                          .version = result.identity.version,
                          .reason = std::string(result.why.message()),
                          .since = clock_->Now()};
  std::optional<EventRecord> event;
  if (outcome == FileOutcome::kQuarantined) {
    event.emplace();
    event->time = record.since;
    event->actor = "daemon";
    event->action = action::kQuarantined;
    event->reason = absl::StrCat("file \"", record.path, "\": ", record.reason);
    event->model = record.model;
    event->version = record.version;
  }
  if (const absl::Status recorded = registry_->RecordFile(record, event); !recorded.ok()) {
    // Taking a file twice does no harm: the store and the sink know its bytes already.
    RetryLater(file, recorded, result.identity);
    return;
  }
  if (outcome == FileOutcome::kRegistered && !record.model.empty()) {  // of a release more is said elsewhere
    LogInfo("file taken", {{"file", record.path},
                           {"model", record.model},
                           {"version", record.version},
                           {"sha256", record.sha256}});
  } else if (outcome == FileOutcome::kQuarantined) {
    LogWarning("file quarantined", {{"file", record.path}, {"reason", record.reason}});
  }
  settle_.Done(file.path);
  remembered_[file.path] = record;
  ShowRemembered(record);
}

void Intake::RetryLater(const ScannedFile& file, const absl::Status& why, const ModelIdentity& identity) {
  settle_.RetryLater(file.path, clock_->Now());
  ShowRetrying(file.path, why, identity);
}

void Intake::ShowSettling(const std::string& path, const std::string& reason, const ModelIdentity& identity) {
  dropped_.Show({path, DroppedState::kSettling, reason, identity.name, identity.version, clock_->Now()});
}

void Intake::ShowRetrying(const std::string& path, const absl::Status& why, const ModelIdentity& identity) {
  const std::string reason(why.message());
  if (dropped_.Show(
          {path, DroppedState::kRetrying, reason, identity.name, identity.version, clock_->Now()})) {
    LogWarning("cannot take a file yet, trying again", {{"file", path}, {"reason", reason}});
  }
}

void Intake::ShowRemembered(const FileRecord& record) {
  if (record.outcome == FileOutcome::kQuarantined) {
    dropped_.Show(
        {record.path, DroppedState::kQuarantined, record.reason, record.model, record.version, record.since});
  } else {
    dropped_.Hide(record.path);
  }
}

}  // namespace modeld
