// Backend: whom modelctl asks, the daemon or the registry file. Commands do not know which.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "modeld/v1/admin_service.pb.h"
#include "modeld/v1/model_service.pb.h"
#include "registry/backup.h"

namespace modeld {

// Gives the next bytes of an upload, at most `max_bytes`; none: it was all.
using ChunkSource = std::function<absl::StatusOr<std::string>(size_t max_bytes)>;

// The methods are those of v1.ModelService and v1.AdminService, with all pages of a list fetched. Not
// thread-safe. UNIMPLEMENTED for what a backend cannot do; the message says what can.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual absl::StatusOr<v1::ListModelsResponse> ListModels() = 0;
  virtual absl::StatusOr<v1::GetModelResponse> GetModel(const std::string& model) = 0;
  virtual absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request) = 0;

  // The newest `limit` events of `model` (empty: of all), newest first.
  virtual absl::StatusOr<v1::ListEventsResponse> ListEvents(const std::string& model, int limit) = 0;
  virtual absl::StatusOr<v1::RollbackResponse> Rollback(const v1::RollbackRequest& request) = 0;
  virtual absl::StatusOr<v1::PromoteResponse> Promote(const v1::PromoteRequest& request) = 0;
  virtual absl::StatusOr<v1::PinResponse> Pin(const v1::PinRequest& request) = 0;
  virtual absl::StatusOr<v1::UnpinResponse> Unpin(const v1::UnpinRequest& request) = 0;
  virtual absl::StatusOr<v1::RetireResponse> Retire(const v1::RetireRequest& request) = 0;
  virtual absl::StatusOr<v1::SetLabelResponse> SetLabel(const v1::SetLabelRequest& request) = 0;
  virtual absl::StatusOr<v1::SetCanaryResponse> SetCanary(const v1::SetCanaryRequest& request) = 0;
  virtual absl::StatusOr<v1::SetShadowResponse> SetShadow(const v1::SetShadowRequest& request) = 0;

  virtual absl::StatusOr<v1::GetVersionResponse> GetVersion(const std::string& model,
                                                            const std::string& version) = 0;
  virtual absl::Status RetunePlans(const std::string& model, const std::string& version) = 0;
  virtual absl::StatusOr<v1::WaitVersionResponse> WaitVersion(const v1::WaitVersionRequest& request) = 0;
  // Calls `on_event` for each event as it is made; ends with its error, or with the daemon's.
  virtual absl::Status WatchEvents(const v1::WatchEventsRequest& request,
                                   const std::function<absl::Status(const v1::Event&)>& on_event) = 0;

  virtual absl::StatusOr<v1::GetUploadResponse> GetUpload(const std::string& sha256) = 0;
  // Sends the bytes from `header.offset` on, as `next` gives them.
  virtual absl::StatusOr<v1::PushResponse> Push(const v1::PushHeader& header, const ChunkSource& next) = 0;
  // After an error: waits for who is asked to be there again; false if `timeout` passed.
  virtual bool Reconnect(absl::Duration timeout) = 0;

  virtual absl::StatusOr<v1::CollectGarbageResponse> CollectGarbage(
      const v1::CollectGarbageRequest& request) = 0;
  virtual absl::StatusOr<v1::VerifyStoreResponse> VerifyStore(const v1::VerifyStoreRequest& request) = 0;
  // Hands each part to `take`, whose error ends it.
  virtual absl::Status Backup(const v1::BackupRequest& request, const TakeBackupFn& take) = 0;
  virtual absl::StatusOr<v1::RescanResponse> Rescan() = 0;
  virtual absl::StatusOr<v1::GetStatusResponse> GetStatus() = 0;
};

}  // namespace modeld
