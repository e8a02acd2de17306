#include "daemon/source/push_taker.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// Whether the file itself is at fault.
bool IsRefused(Verdict verdict) { return verdict == Verdict::kRefused || verdict == Verdict::kIncomplete; }

}  // namespace

absl::StatusOr<PushedVersion> PushTaker::Take(Upload& upload, const PushedFile& file) const {
  MODELD_ASSIGN_OR_RETURN(const ScannedFile scanned, Scan(upload, file));
  const FileTaker taker(file_system_, store_, sink_, inspect_);
  std::optional<StagedVersion> staged;
  TakeResult result = taker.Stage(scanned, clock_->Now(), staged);
  bool known = false;
  if (staged) {
    const VersionRecord& version = staged->known.version;
    if (version.sha256 != upload.sha256()) {
      return absl::DataLossError("the upload changed on the disk after it was checked; push it again");
    }
    known = registry_->ConfigOf(version.model, version.version).ok();
    result = taker.Register(scanned, *staged, std::move(result));
  }
  const std::string named = absl::StrCat("push of ", Quote(file.path));
  if (result.verdict == Verdict::kTaken) {
    upload.Remove();
    LogInfo("file pushed", {{"file", file.path},
                            {"model", result.identity.name},
                            {"version", result.identity.version},
                            {"sha256", result.sha256},
                            {"actor", file.actor}});
    if (!known) {
      Record(action::kPushed, file, result.identity,
             absl::StrCat(named, ", ", upload.size_bytes(), " bytes"));
    }
    return PushedVersion{
        .model = result.identity.name, .version = result.identity.version, .already_registered = known};
  }
  if (!IsRefused(result.verdict)) return result.why;

  const std::string why(result.why.message());
  LogWarning("push refused", {{"file", file.path}, {"reason", why}, {"actor", file.actor}});
  Record(action::kQuarantined, file, result.identity, absl::StrCat(named, ": ", why));
  if (file.sidecar_config.empty()) upload.Remove();
  if (result.verdict == Verdict::kRefused) return result.why;
  return absl::InvalidArgumentError(
      absl::StrCat("the file is ", why, "; it was pushed before it was complete"));
}

absl::StatusOr<ScannedFile> PushTaker::Scan(Upload& upload, const PushedFile& file) const {
  ScannedFile scanned{.path = file.path,
                      .full_path = upload.path(),
                      .sidecar_path = SidecarPath(upload.path()),
                      .identity = {},
                      .sidecar = {},
                      .golden = {},
                      .status = absl::OkStatus()};
  MODELD_ASSIGN_OR_RETURN(const FileStat part, file_system_->Stat(scanned.full_path));
  scanned.identity = part.identity;
  if (file.sidecar_config.empty()) return scanned;
  MODELD_RETURN_IF_ERROR(upload.WriteSidecar(file.sidecar_config));
  MODELD_ASSIGN_OR_RETURN(const FileStat sidecar, file_system_->Stat(scanned.sidecar_path));
  scanned.sidecar = sidecar.identity;
  return scanned;
}

void PushTaker::Record(const char* action, const PushedFile& file, const ModelIdentity& identity,
                       const std::string& reason) const {
  const absl::Status recorded = registry_->RecordEvent({.id = 0,
                                                        .time = clock_->Now(),
                                                        .actor = file.actor,
                                                        .action = action,
                                                        .model = identity.name,
                                                        .version = identity.version,
                                                        .from_version = "",
                                                        .to_version = "",
                                                        .reason = reason,
                                                        .evidence = ""});
  if (!recorded.ok()) LogError("cannot record an event", {{"action", action}, {"error", recorded}});
}

}  // namespace modeld
