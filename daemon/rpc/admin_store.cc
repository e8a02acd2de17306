// The part of the administrative service that cares for the artifact store.
#include "daemon/rpc/admin_service.h"
#include "daemon/rpc/requests.h"
#include "daemon/rpc/status_convert.h"

namespace modeld {
namespace {

template <typename Response>
grpc::Status Answer(absl::StatusOr<Response> result, Response* response) {
  if (!result.ok()) return ToGrpcStatus(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

}  // namespace

grpc::Status AdminServiceImpl::CollectGarbage(grpc::ServerContext* context,
                                              const v1::CollectGarbageRequest* request,
                                              v1::CollectGarbageResponse* response) {
  const absl::Status valid = CheckRemarks(request->reason(), request->actor());
  if (!valid.ok()) return ToGrpcStatus(valid);
  v1::CollectGarbageRequest named = *request;
  named.set_actor(ActorOf(*context, request->actor()));
  return Answer(care_->CollectGarbage(named), response);
}

grpc::Status AdminServiceImpl::VerifyStore(grpc::ServerContext* context,
                                           const v1::VerifyStoreRequest* request,
                                           v1::VerifyStoreResponse* response) {
  if (absl::Status valid = CheckRemarks("", request->actor()); !valid.ok()) return ToGrpcStatus(valid);
  v1::VerifyStoreRequest named = *request;
  named.set_actor(ActorOf(*context, request->actor()));
  return Answer(care_->Verify(named, [context] { return context->IsCancelled(); }), response);
}

grpc::Status AdminServiceImpl::Backup(grpc::ServerContext* context, const v1::BackupRequest* request,
                                      grpc::ServerWriter<v1::BackupResponse>* writer) {
  const TakeBackupFn send = [writer](const v1::BackupResponse& part) {
    return writer->Write(part) ? absl::OkStatus() : absl::CancelledError("the caller is gone");
  };
  return ToGrpcStatus(care_->Backup(*request, send, [context] { return context->IsCancelled(); }));
}

}  // namespace modeld
