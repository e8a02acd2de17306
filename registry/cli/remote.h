// RemoteBackend: asks the daemon over gRPC.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "modeld/v1/admin_service.grpc.pb.h"
#include "modeld/v1/model_service.grpc.pb.h"
#include "registry/cli/backend.h"

namespace modeld {

// Every call fails at once with UNAVAILABLE, saying why and what to do, where no daemon answers; and with
// DEADLINE_EXCEEDED after `timeout`.
class RemoteBackend final : public Backend {
 public:
  // `target`: "unix:/path" or "host:port". Does not connect yet.
  RemoteBackend(std::string target, absl::Duration timeout);

  absl::StatusOr<v1::ListModelsResponse> ListModels() override;
  absl::StatusOr<v1::GetModelResponse> GetModel(const std::string& model) override;
  absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request) override;
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const std::string& model, int limit) override;
  absl::StatusOr<v1::RollbackResponse> Rollback(const v1::RollbackRequest& request) override;
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
  // One call of a stub's method.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request) const;
  absl::Status Explain(const grpc::Status& status) const;

  const std::string target_;
  const absl::Time deadline_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::ModelService::Stub> models_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace modeld
