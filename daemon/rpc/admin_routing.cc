// AdminServiceImpl: labels, canary and shadow.
#include "daemon/rpc/admin_service.h"
#include "daemon/rpc/requests.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/rpc/view_codec.h"

namespace modeld {

grpc::Status AdminServiceImpl::SetLabel(grpc::ServerContext* context, const v1::SetLabelRequest* request,
                                        v1::SetLabelResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  const absl::StatusOr<std::string> from = manager_->SetLabel(
      CommandOf(*context, *request, request->version()), request->label(), TimeoutOf(*context));
  if (!from.ok()) return ToGrpcStatus(from.status());
  response->set_from_version(*from);
  return grpc::Status::OK;
}

grpc::Status AdminServiceImpl::SetCanary(grpc::ServerContext* context, const v1::SetCanaryRequest* request,
                                         v1::SetCanaryResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  return AnswerTraffic(manager_->SetCanary(CommandOf(*context, *request, request->version()),
                                           request->share(), TimeoutOf(*context)),
                       request->model(), response->mutable_traffic());
}

grpc::Status AdminServiceImpl::SetShadow(grpc::ServerContext* context, const v1::SetShadowRequest* request,
                                         v1::SetShadowResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  return AnswerTraffic(manager_->SetShadow(CommandOf(*context, *request, request->version()),
                                           request->share(), TimeoutOf(*context)),
                       request->model(), response->mutable_traffic());
}

grpc::Status AdminServiceImpl::AnswerTraffic(const absl::StatusOr<Routing>& changed, const std::string& name,
                                             v1::Traffic* traffic) const {
  if (!changed.ok()) return ToGrpcStatus(changed.status());
  const absl::StatusOr<ModelView> model = manager_->GetModel(name);
  if (model.ok() && model->traffic.has_value()) ToWire(*model->traffic, traffic);
  return grpc::Status::OK;
}

}  // namespace modeld
