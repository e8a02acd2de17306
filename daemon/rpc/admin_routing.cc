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
  const absl::StatusOr<Routing> routing = manager_->SetCanary(
      CommandOf(*context, *request, request->version()), request->share(), TimeoutOf(*context));
  if (!routing.ok()) return ToGrpcStatus(routing.status());
  WriteTraffic(request->model(), response->mutable_traffic());
  return grpc::Status::OK;
}

grpc::Status AdminServiceImpl::SetShadow(grpc::ServerContext* context, const v1::SetShadowRequest* request,
                                         v1::SetShadowResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  const absl::StatusOr<Routing> routing = manager_->SetShadow(
      CommandOf(*context, *request, request->version()), request->share(), TimeoutOf(*context));
  if (!routing.ok()) return ToGrpcStatus(routing.status());
  WriteTraffic(request->model(), response->mutable_traffic());
  return grpc::Status::OK;
}

void AdminServiceImpl::WriteTraffic(const std::string& name, v1::Traffic* traffic) const {
  const absl::StatusOr<ModelView> model = manager_->GetModel(name);
  if (model.ok() && model->traffic.has_value()) ToWire(*model->traffic, traffic);
}

}  // namespace modeld
