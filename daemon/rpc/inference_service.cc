#include "daemon/rpc/inference_service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/predict/required.h"
#include "daemon/rpc/deadline.h"
#include "daemon/rpc/status_convert.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// How long a load may take that a command waits for, where its caller has no deadline, or a later one.
constexpr absl::Duration kCommandTimeout = absl::Seconds(60);
// Of which version a command speaks.
constexpr char kVersion[] = "version";

grpc::ServerUnaryReactor* Answered(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// The parameter `version`, the only one that is known. INVALID_ARGUMENT names another.
template <typename Request>
absl::StatusOr<std::string> VersionParameter(const Request& request) {
  std::string version;
  for (const auto& [name, value] : request.parameters()) {
    if (name == "unload_dependents") continue;  // no model depends on another
    if (name != kVersion || !value.has_string_param()) {
      return absl::UnimplementedError(absl::StrCat(
          "the parameter `", name,
          "` is not supported: models come as files (modelctl push, or the drop directory); `version` names "
          "the version to load or unload"));
    }
    version = value.string_param();
  }
  return version;
}

}  // namespace

InferenceServiceImpl::InferenceServiceImpl(const InferenceParts& parts) : parts_(parts) {
  SetMessageAllocatorFor_ModelInfer(&infer_allocator_);
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ServerLive(grpc::CallbackServerContext* context,
                                                           const inference::ServerLiveRequest* /*request*/,
                                                           inference::ServerLiveResponse* response) {
  response->set_live(true);
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ServerReady(grpc::CallbackServerContext* context,
                                                            const inference::ServerReadyRequest* /*request*/,
                                                            inference::ServerReadyResponse* response) {
  response->set_ready(parts_.views->ServerReady());
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ModelReady(grpc::CallbackServerContext* context,
                                                           const inference::ModelReadyRequest* request,
                                                           inference::ModelReadyResponse* response) {
  if (absl::Status named = RequireModel(request->name()); !named.ok()) return Answered(context, named);
  return views_.Answer(context, [this, request, response] {
    response->set_ready(parts_.views->ModelReady(request->name(), request->version()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ServerMetadata(
    grpc::CallbackServerContext* context, const inference::ServerMetadataRequest* /*request*/,
    inference::ServerMetadataResponse* response) {
  *response = parts_.views->ServerMetadata();
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ModelMetadata(grpc::CallbackServerContext* context,
                                                              const inference::ModelMetadataRequest* request,
                                                              inference::ModelMetadataResponse* response) {
  return views_.Answer(context, [this, request, response]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response, parts_.views->ModelMetadata(request->name(), request->version()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ModelInfer(grpc::CallbackServerContext* context,
                                                           const inference::ModelInferRequest* /*request*/,
                                                           inference::ModelInferResponse* /*response*/) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  InferCall::Of(*context).Start(*parts_.jobs, context, reactor);
  return reactor;
}

grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>*
InferenceServiceImpl::ModelStreamInfer(grpc::CallbackServerContext* context) {
  return InferStream::Begin(*parts_.jobs, streams_, context);
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ModelConfig(grpc::CallbackServerContext* context,
                                                            const inference::ModelConfigRequest* request,
                                                            inference::ModelConfigResponse* response) {
  return views_.Answer(context, [this, request, response]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response->mutable_config(),
                            parts_.views->ModelConfig(request->name(), request->version()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceServiceImpl::ModelStatistics(
    grpc::CallbackServerContext* context, const inference::ModelStatisticsRequest* request,
    inference::ModelStatisticsResponse* response) {
  return views_.Answer(context, [this, request, response]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response, parts_.views->ModelStatistics(request->name(), request->version()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceServiceImpl::RepositoryIndex(
    grpc::CallbackServerContext* context, const inference::RepositoryIndexRequest* request,
    inference::RepositoryIndexResponse* response) {
  return views_.Answer(context, [this, request, response] {
    *response = parts_.views->RepositoryIndex(request->ready());
    return absl::OkStatus();
  });
}

absl::Status InferenceServiceImpl::CheckCommands(const std::string& model) const {
  if (parts_.manager == nullptr) {
    return absl::UnimplementedError(
        "models are loaded and unloaded on the administrative socket only; see --admin-socket");
  }
  return RequireModel(model);
}

grpc::ServerUnaryReactor* InferenceServiceImpl::RepositoryModelLoad(
    grpc::CallbackServerContext* context, const inference::RepositoryModelLoadRequest* request,
    inference::RepositoryModelLoadResponse* /*response*/) {
  if (absl::Status may = CheckCommands(request->model_name()); !may.ok()) return Answered(context, may);
  return commands_.Answer(context, [this, context, request]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(std::string version, VersionParameter(*request));
    MODELD_ASSIGN_OR_RETURN(const ModelView model, parts_.manager->GetModel(request->model_name()));
    if (version.empty() && !model.live.empty()) return absl::OkStatus();  // it is loaded
    if (version.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("model \"", model.name,
                       "\" has no version that is fit to be live; name one by the "
                       "parameter `version`, or drop another"));
    }
    const Command command{
        .model = model.name,
        .version = version,
        .actor =
            ActorText(parts_.peers == nullptr ? std::nullopt : parts_.peers->NameOf(context->peer()), ""),
        .reason = "RepositoryModelLoad"};
    const absl::Duration left = DeadlineOf(context->raw_deadline()) - absl::Now();
    return parts_.manager->Promote(command, std::min(left, kCommandTimeout)).status();
  });
}

grpc::ServerUnaryReactor* InferenceServiceImpl::RepositoryModelUnload(
    grpc::CallbackServerContext* context, const inference::RepositoryModelUnloadRequest* request,
    inference::RepositoryModelUnloadResponse* /*response*/) {
  if (absl::Status may = CheckCommands(request->model_name()); !may.ok()) return Answered(context, may);
  return commands_.Answer(context, [this, context, request]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const std::string version, VersionParameter(*request));
    MODELD_ASSIGN_OR_RETURN(const ModelView model, parts_.manager->GetModel(request->model_name()));
    if (version.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("model \"", model.name,
                       "\" is not taken out as a whole; the parameter `version` "
                       "retires one of its versions"));
    }
    return parts_.manager->Retire(
        {.model = model.name,
         .version = version,
         .actor =
             ActorText(parts_.peers == nullptr ? std::nullopt : parts_.peers->NameOf(context->peer()), ""),
         .reason = "RepositoryModelUnload"});
  });
}

}  // namespace modeld
