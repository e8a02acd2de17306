#include "daemon/rpc/model_service.h"

#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/codec/utf8.h"
#include "daemon/codec/value_codec.h"
#include "daemon/engine/bind.h"
#include "daemon/lifecycle/version_call.h"
#include "daemon/rpc/deadline.h"
#include "daemon/rpc/paging.h"
#include "daemon/rpc/request_hash.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/rpc/view_codec.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

// Tensors come from clients and models in any size; that memory ran out ends one request, not the daemon.
template <typename Function>
absl::Status CatchBadAlloc(Function function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for this request; send smaller tensors or try again");
  }
}

// Takes the request's inputs apart.
absl::StatusOr<NamedValues> TakeInputs(const ServedVersion& version, v1::PredictRequest& request) {
  NamedValues inputs;
  for (auto& [name, wire] : *request.mutable_inputs()) {
    absl::StatusOr<Value> value = FromWire(wire, absl::StrCat("input \"", name, "\""));
    if (!value.ok()) return About(version, value.status());
    inputs.emplace(name, *std::move(value));
  }
  return inputs;
}

// Runs the method and writes its outputs into `response`, and into `copy` unless that is null. On a worker
// thread.
absl::Status RunInto(const ServedVersion& version, size_t method, std::vector<Value> arguments,
                     int64_t max_message_bytes, v1::PredictResponse* response, ShadowRunner::Copy* copy) {
  CallResult result = CallForRequest(version, method, std::move(arguments));
  MODELD_RETURN_IF_ERROR(result.outputs.status());
  response->set_model(version.model);
  response->set_version(version.version);
  for (const auto& [name, value] : *result.outputs) {
    ToWire(value, &(*response->mutable_outputs())[ToUtf8(name)]);
  }
  const size_t bytes = response->ByteSizeLong();
  if (bytes > static_cast<size_t>(max_message_bytes)) {
    return About(version, absl::ResourceExhaustedError(
                              absl::StrCat("the answer takes ", bytes, " bytes, more than the ",
                                           max_message_bytes, " that --max-message-bytes allows")));
  }
  if (copy != nullptr) copy->SetAnswer(*std::move(result.outputs), result.nanoseconds);
  return absl::OkStatus();
}

absl::Status CheckStickyKey(const v1::PredictRequest& request) {
  const size_t size = request.sticky_key().size();
  if (size <= kMaxStickyKeyBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("sticky_key takes ", size, " bytes; at most ",
                                                 kMaxStickyKeyBytes, " are allowed: send a hash of it"));
}

absl::Status NoModelNamed() { return absl::InvalidArgumentError("the request names no model; set `model`"); }

}  // namespace

ModelServiceImpl::ModelServiceImpl(const ServingTable* table, WorkerPool* pool, ShadowRunner* shadows,
                                   const Manager* manager, const Intake* intake, Registry* registry,
                                   int64_t max_message_bytes)
    : table_(table),
      pool_(pool),
      shadows_(shadows),
      manager_(manager),
      intake_(intake),
      registry_(registry),
      max_message_bytes_(max_message_bytes) {
  SetMessageAllocatorFor_Predict(&predict_allocator_);
}

grpc::ServerUnaryReactor* ModelServiceImpl::Predict(grpc::CallbackServerContext* context,
                                                    const v1::PredictRequest* /*request*/,
                                                    v1::PredictResponse* /*response*/) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Status begun = CatchBadAlloc([&] { return BeginPredict(context, reactor); });
  if (!begun.ok()) reactor->Finish(ToGrpcStatus(begun));
  return reactor;
}

absl::Status ModelServiceImpl::BeginPredict(grpc::CallbackServerContext* context,
                                            grpc::ServerUnaryReactor* reactor) {
  PredictMessages& messages = PredictMessages::Of(*context);
  v1::PredictRequest& request = *messages.request();
  if (request.model().empty()) return NoModelNamed();
  MODELD_RETURN_IF_ERROR(CheckStickyKey(request));
  MODELD_ASSIGN_OR_RETURN(Route route, RouteRequest(request));
  MODELD_ASSIGN_OR_RETURN(const size_t method, FindMethod(*route.version, request.method()));
  MODELD_ASSIGN_OR_RETURN(NamedValues inputs, TakeInputs(*route.version, request));
  std::unique_ptr<ShadowRunner::Copy> copy;
  if (route.shadow != nullptr) copy = shadows_->MakeCopy(route, request.method(), inputs);
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> arguments,
                          BindInputs(*route.version, method, std::move(inputs)));

  Work work;
  work.deadline = DeadlineOf(context->raw_deadline());
  work.cancelled = [context] { return context->IsCancelled(); };
  work.run = [reactor, method, response = messages.response(), max_message_bytes = max_message_bytes_,
              shadows = shadows_, version = std::move(route.version), arguments = std::move(arguments),
              copy = std::move(copy)](absl::Status status) mutable {
    if (status.ok()) {
      status = CatchBadAlloc([&] {
        return RunInto(*version, method, std::move(arguments), max_message_bytes, response, copy.get());
      });
    }
    // Before the answer: who has it can rely on the version being let go.
    version.reset();
    reactor->Finish(ToGrpcStatus(status));
    // After it: the shadow delays nothing. The service may be gone by now.
    if (copy != nullptr && status.ok()) shadows->Submit(std::move(copy));
  };
  return pool_->Submit(work);
}

absl::StatusOr<Route> ModelServiceImpl::RouteRequest(const v1::PredictRequest& request) const {
  const VersionSelector selector{request.model(), request.version(), request.label()};
  const auto hash = [&request] { return RequestHash(request); };
  absl::StatusOr<Route> route = table_->RouteRequest(selector, hash);
  if (route.ok() || started_.load(std::memory_order_relaxed)) return route;
  if (!manager_->ready()) {
    return absl::UnavailableError(absl::StrCat("modeld is starting and still loads models; try again (",
                                               route.status().message(), ")"));
  }
  started_ = true;
  // The version may have been published, and the manager become ready, since the first look.
  return table_->RouteRequest(selector, hash);
}

grpc::ServerUnaryReactor* ModelServiceImpl::ListModels(grpc::CallbackServerContext* context,
                                                       const v1::ListModelsRequest* request,
                                                       v1::ListModelsResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  views_.Post([this, reactor, request, response] {
    reactor->Finish(ToGrpcStatus(CatchBadAlloc([&] { return FillListModels(*request, response); })));
  });
  return reactor;
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
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  views_.Post([this, reactor, request, response] {
    reactor->Finish(ToGrpcStatus(CatchBadAlloc([&] { return FillGetModel(*request, response); })));
  });
  return reactor;
}

absl::Status ModelServiceImpl::FillGetModel(const v1::GetModelRequest& request,
                                            v1::GetModelResponse* response) const {
  if (request.model().empty()) return NoModelNamed();
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
  const absl::StatusOr<VersionHandle> handle = table_->Resolve({model.name, model.live, {}});
  if (!handle.ok()) return absl::OkStatus();
  const ServedVersion& version = **handle;
  for (const Method& method : version.executable->methods()) {
    ToWire(method, DeclaredFor(method, version.inputs), DeclaredFor(method, version.outputs),
           response->add_methods());
  }
  return absl::OkStatus();
}

}  // namespace modeld
