#include "daemon/rpc/model_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/codec/utf8.h"
#include "daemon/lifecycle/version_call.h"
#include "daemon/predict/request_hash.h"
#include "daemon/rpc/paging.h"
#include "daemon/rpc/predict_stream.h"
#include "daemon/rpc/requests.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/rpc/view_codec.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {
ModelServiceImpl::ModelServiceImpl(const PredictJob::Shared* jobs, const Manager* manager,
                                   const Intake* intake, Registry* registry)
    : jobs_(jobs), manager_(manager), intake_(intake), registry_(registry) {
  SetMessageAllocatorFor_Predict(&predict_allocator_);
}

grpc::ServerUnaryReactor* ModelServiceImpl::Predict(grpc::CallbackServerContext* context,
                                                    const v1::PredictRequest* /*request*/,
                                                    v1::PredictResponse* /*response*/) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  PredictCall::Of(*context).Start(*jobs_, context, reactor);
  return reactor;
}

grpc::ServerBidiReactor<v1::PredictStreamRequest, v1::PredictStreamResponse>* ModelServiceImpl::PredictStream(
    grpc::CallbackServerContext* context) {
  return modeld::PredictStream::Begin(*jobs_, streams_, context);
}

grpc::ServerUnaryReactor* ModelServiceImpl::ListModels(grpc::CallbackServerContext* context,
                                                       const v1::ListModelsRequest* request,
                                                       v1::ListModelsResponse* response) {
  return views_.Answer(context, [this, request, response] { return FillListModels(*request, response); });
}

absl::Status ModelServiceImpl::FillListModels(const v1::ListModelsRequest& request,
                                              v1::ListModelsResponse* response) const {
  MODELD_ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  MODELD_ASSIGN_OR_RETURN(const std::string after, NameOfToken(request.page_token()));
  // One more than the page holds tells whether another page follows.
  std::vector<ModelView> models = manager_->ListModels(after, static_cast<size_t>(page_size) + 1);
  if (models.size() > static_cast<size_t>(page_size)) {
    models.pop_back();
    response->set_next_page_token(TokenAfterName(models.back().name));
  }
  for (const ModelView& model : models) ToWire(model, response->add_models());
  if (after.empty()) {
    for (const DroppedFileView& file : intake_->dropped_files()) ToWire(file, response->add_dropped_files());
    for (const ReleaseView& release : manager_->ListReleases()) {
      ToWire(release, response->add_dropped_files());
    }
  }
  response->set_source_error(ToUtf8(std::string(intake_->source_status().message())));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ModelServiceImpl::GetModel(grpc::CallbackServerContext* context,
                                                     const v1::GetModelRequest* request,
                                                     v1::GetModelResponse* response) {
  return views_.Answer(context, [this, request, response] { return FillGetModel(*request, response); });
}

absl::Status ModelServiceImpl::FillGetModel(const v1::GetModelRequest& request,
                                            v1::GetModelResponse* response) const {
  MODELD_RETURN_IF_ERROR(RequireModel(request.model()));
  MODELD_ASSIGN_OR_RETURN(const ModelView model, manager_->GetModel(request.model()));
  ToWire(model, response->mutable_model());
  for (const DroppedFileView& file : intake_->dropped_files()) {
    if (file.model == model.name) ToWire(file, response->add_dropped_files());
  }
  if (model.live.empty()) return absl::OkStatus();

  MODELD_ASSIGN_OR_RETURN(const std::string config, registry_->ConfigOf(model.name, model.live));
  MODELD_ASSIGN_OR_RETURN(ParsedConfig parsed, ParseModelConfig(config));
  *response->mutable_config() = std::move(parsed.config);
  // The live version may be on its way into memory (after a restart): then its methods are not known yet.
  const absl::StatusOr<VersionHandle> handle = jobs_->router->Resolve({model.name, model.live, {}});
  if (!handle.ok()) return absl::OkStatus();
  const ServedVersion& version = **handle;
  for (const Method& method : version.executable->methods()) {
    ToWire(method, DeclaredFor(method, version.inputs), DeclaredFor(method, version.outputs),
           response->add_methods());
  }
  return absl::OkStatus();
}

}  // namespace modeld
