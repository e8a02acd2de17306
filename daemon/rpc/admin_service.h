// AdminServiceImpl: modeld.v1.AdminService, on the administrative listener only. Synchronous: commands may
// wait for a load, and they are few. But for WatchEvents, whose calls last and would each hold a thread.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/plan_tuner.h"
#include "daemon/rpc/actor.h"
#include "daemon/rpc/event_watches.h"
#include "daemon/rpc/health_reporter.h"
#include "daemon/scheduling/request_scheduler.h"
#include "daemon/source/intake.h"
#include "daemon/source/push_taker.h"
#include "modeld/v1/admin_service.grpc.pb.h"
#include "registry/registry.h"
#include "registry/store_care.h"
#include "registry/upload_store.h"

namespace modeld {

// What GetStatus tells that no other part knows. Constant.
struct DaemonInfo {
  std::string version;
  absl::Time started_at;
  std::string drop_directory;
  std::string state_directory;
  std::vector<std::string> addresses;  // public, as bound: "127.0.0.1:8500"
  std::vector<std::string> engines;    // "libtorch 2.13.0"
};

// What the service works with. All but `tuner` and `peers` are needed, and all outlive the service.
struct AdminParts {
  Manager* manager = nullptr;
  Intake* intake = nullptr;
  Registry* registry = nullptr;
  const RequestScheduler* scheduler = nullptr;
  const HealthReporter* health = nullptr;  // tells readiness, so that GetStatus and health say the same
  UploadStore* uploads = nullptr;
  const PushTaker* push_taker = nullptr;
  StoreCare* care = nullptr;
  PlanTuner* tuner = nullptr;        // null: versions run as they were saved
  const PeerNames* peers = nullptr;  // null: whoever calls is only known by its own claim
};

// Thread-safe. The server that it is registered with is shut down before any of the parts goes.
class AdminServiceImpl final
    : public v1::AdminService::WithCallbackMethod_WatchEvents<v1::AdminService::Service> {
 public:
  AdminServiceImpl(const AdminParts& parts, DaemonInfo info);

  grpc::Status Rollback(grpc::ServerContext* context, const v1::RollbackRequest* request,
                        v1::RollbackResponse* response) override;
  grpc::Status Promote(grpc::ServerContext* context, const v1::PromoteRequest* request,
                       v1::PromoteResponse* response) override;
  grpc::Status Pin(grpc::ServerContext* context, const v1::PinRequest* request,
                   v1::PinResponse* response) override;
  grpc::Status Unpin(grpc::ServerContext* context, const v1::UnpinRequest* request,
                     v1::UnpinResponse* response) override;
  grpc::Status Retire(grpc::ServerContext* context, const v1::RetireRequest* request,
                      v1::RetireResponse* response) override;

  // --- admin_routing.cc ---
  grpc::Status SetLabel(grpc::ServerContext* context, const v1::SetLabelRequest* request,
                        v1::SetLabelResponse* response) override;
  grpc::Status SetCanary(grpc::ServerContext* context, const v1::SetCanaryRequest* request,
                         v1::SetCanaryResponse* response) override;
  grpc::Status SetShadow(grpc::ServerContext* context, const v1::SetShadowRequest* request,
                         v1::SetShadowResponse* response) override;

  // --- admin_watch.cc ---
  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest* request,
                          v1::GetVersionResponse* response) override;
  grpc::Status RetunePlans(grpc::ServerContext* context, const v1::RetunePlansRequest* request,
                           v1::RetunePlansResponse* response) override;
  grpc::Status WaitVersion(grpc::ServerContext* context, const v1::WaitVersionRequest* request,
                           v1::WaitVersionResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) override;

  // --- admin_push.cc ---
  grpc::Status GetUpload(grpc::ServerContext* context, const v1::GetUploadRequest* request,
                         v1::GetUploadResponse* response) override;
  grpc::Status Push(grpc::ServerContext* context, grpc::ServerReader<v1::PushRequest>* reader,
                    v1::PushResponse* response) override;

  grpc::Status ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override;
  grpc::Status CollectGarbage(grpc::ServerContext* context, const v1::CollectGarbageRequest* request,
                              v1::CollectGarbageResponse* response) override;
  grpc::Status VerifyStore(grpc::ServerContext* context, const v1::VerifyStoreRequest* request,
                           v1::VerifyStoreResponse* response) override;
  grpc::Status Backup(grpc::ServerContext* context, const v1::BackupRequest* request,
                      grpc::ServerWriter<v1::BackupResponse>* writer) override;
  grpc::Status Rescan(grpc::ServerContext* context, const v1::RescanRequest* request,
                      v1::RescanResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;

 private:
  // Who makes the call, for the history.
  std::string ActorOf(const grpc::ServerContext& context, const std::string& claim) const;
  template <typename Request>
  Command CommandOf(const grpc::ServerContext& context, const Request& request,
                    const std::string& version) const {
    return {.model = request.model(),
            .version = version,
            .actor = ActorOf(context, request.actor()),
            .reason = request.reason()};
  }

  // Answers with where the model's requests go now (nothing where they all go to live), or with the error.
  grpc::Status AnswerTraffic(const absl::StatusOr<Routing>& changed, const std::string& model,
                             v1::Traffic* traffic) const;

  Manager* const manager_;
  Intake* const intake_;
  Registry* const registry_;
  const RequestScheduler* const scheduler_;
  const HealthReporter* const health_;
  UploadStore* const uploads_;
  const PushTaker* const push_taker_;
  StoreCare* const care_;
  PlanTuner* const tuner_;
  const PeerNames* const peers_;
  const DaemonInfo info_;
  EventWatches watches_;
};

}  // namespace modeld
