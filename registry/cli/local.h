// LocalBackend: works on the registry file itself, while the daemon is down.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "registry/artifact_store.h"
#include "registry/base/clock.h"
#include "registry/base/file_lock.h"
#include "registry/cli/backend.h"
#include "registry/registry.h"
#include "registry/store_care.h"
#include "registry/version_keeper.h"

namespace modeld {

// Holds the state directory's lock, so that no daemon starts meanwhile. A change is what the daemon's own
// command would have written, except that nothing is loaded: the daemon loads, and live follows, at its next
// start.
class LocalBackend final : public Backend {
 public:
  // NOT_FOUND where `path` does not exist; FAILED_PRECONDITION where a daemon holds the registry, or as
  // Registry::Open. `clock` outlives the backend.
  static absl::StatusOr<std::unique_ptr<LocalBackend>> Open(const std::string& path, Registry::Mode mode,
                                                            const Clock* clock);

  absl::StatusOr<v1::ListModelsResponse> ListModels() override;
  // Without methods: only the daemon knows them.
  absl::StatusOr<v1::GetModelResponse> GetModel(const std::string& model) override;
  absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request) override;
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const std::string& model, int limit) override;
  absl::StatusOr<v1::RollbackResponse> Rollback(const v1::RollbackRequest& request) override;
  // A retired version is reinstated; FAILED_PRECONDITION for a quarantined one, which only the daemon can
  // try.
  absl::StatusOr<v1::PromoteResponse> Promote(const v1::PromoteRequest& request) override;
  absl::StatusOr<v1::PinResponse> Pin(const v1::PinRequest& request) override;
  absl::StatusOr<v1::UnpinResponse> Unpin(const v1::UnpinRequest& request) override;
  absl::StatusOr<v1::RetireResponse> Retire(const v1::RetireRequest& request) override;
  absl::StatusOr<v1::SetLabelResponse> SetLabel(const v1::SetLabelRequest& request) override;
  absl::StatusOr<v1::SetCanaryResponse> SetCanary(const v1::SetCanaryRequest& request) override;
  absl::StatusOr<v1::SetShadowResponse> SetShadow(const v1::SetShadowRequest& request) override;
  absl::StatusOr<v1::GetVersionResponse> GetVersion(const std::string& model,
                                                    const std::string& version) override;
  absl::Status RetunePlans(const std::string& model, const std::string& version) override;
  absl::StatusOr<v1::WaitVersionResponse> WaitVersion(const v1::WaitVersionRequest& request) override;
  absl::Status WatchEvents(const v1::WatchEventsRequest& request,
                           const std::function<absl::Status(const v1::Event&)>& on_event) override;
  absl::StatusOr<v1::GetUploadResponse> GetUpload(const std::string& sha256) override;
  absl::StatusOr<v1::PushResponse> Push(const v1::PushHeader& header, const ChunkSource& next) override;
  bool Reconnect(absl::Duration timeout) override;
  absl::StatusOr<v1::CollectGarbageResponse> CollectGarbage(
      const v1::CollectGarbageRequest& request) override;
  absl::StatusOr<v1::VerifyStoreResponse> VerifyStore(const v1::VerifyStoreRequest& request) override;
  absl::Status Backup(const v1::BackupRequest& request, const TakeBackupFn& take) override;
  absl::StatusOr<v1::RescanResponse> Rescan() override;
  absl::StatusOr<v1::GetStatusResponse> GetStatus() override;

 private:
  LocalBackend(std::string directory, FileLock lock, std::unique_ptr<Registry> registry, const Clock* clock);

  // The care of the artifacts beside the registry file; opened at the first call.
  absl::StatusOr<StoreCare*> Care();
  absl::StatusOr<ModelRecord> FindModel(const std::string& name);
  static absl::StatusOr<const VersionRecord*> FindVersion(const ModelRecord& model,
                                                          const std::string& version);
  EventRecord NewEvent(const char* action, const std::string& model, const std::string& version,
                       const std::string& actor, const std::string& reason) const;
  // Commits what `change` makes of the model's routing, and returns that; `version` (empty: none) must be
  // usable.
  absl::StatusOr<v1::Traffic> ChangeRouting(const std::string& model, const std::string& version,
                                            const EventRecord& event,
                                            const std::function<absl::Status(Routing&)>& change);
  // Moves live of `model` to `version`, pinned if `pin` or if it is not the highest usable one.
  absl::StatusOr<v1::LiveChange> MakeLive(const char* action, bool pin, const std::string& model,
                                          std::string version, const std::string& actor,
                                          const std::string& reason);
  // Writes `next` with its event, completed by where live was and is.
  absl::StatusOr<v1::LiveChange> Commit(const ModelRecord& model, const LiveState& next, EventRecord event);

  const std::string directory_;
  FileLock lock_;  // let go after the registry is closed
  std::unique_ptr<Registry> registry_;
  const Clock* const clock_;

  // Null until Care.
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<RegistryKeeper> keeper_;
  std::unique_ptr<StoreCare> care_;
};

}  // namespace modeld
