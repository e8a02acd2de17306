// ModelServiceImpl: modeld.v1.ModelService. Each handler validates, takes a handle, converts a Status once
// and replies; the model runs on the version's instances.
#pragma once

#include "absl/status/status.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/predict/predict_job.h"
#include "daemon/rpc/predict_call.h"
#include "daemon/rpc/predict_stream.h"
#include "daemon/rpc/view_thread.h"
#include "daemon/source/intake.h"
#include "modeld/v1/model_service.grpc.pb.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe. All pointers outlive the service, and the server that it is registered with is shut down
// before any of them goes.
class ModelServiceImpl final : public v1::ModelService::CallbackService {
 public:
  ModelServiceImpl(const PredictJob::Shared* jobs, const Manager* manager, const Intake* intake,
                   Registry* registry);

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override;
  grpc::ServerBidiReactor<v1::PredictStreamRequest, v1::PredictStreamResponse>* PredictStream(
      grpc::CallbackServerContext* context) override;
  // Ends PredictStream's calls when what they have read is answered; so that a shutdown need not wait for
  // clients.
  void StopStreams() { streams_.Stop(); }
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context, const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

 private:
  absl::Status FillListModels(const v1::ListModelsRequest& request, v1::ListModelsResponse* response) const;
  absl::Status FillGetModel(const v1::GetModelRequest& request, v1::GetModelResponse* response) const;

  const PredictJob::Shared* const jobs_;
  const Manager* const manager_;
  const Intake* const intake_;
  Registry* const registry_;
  PredictCall::Allocator predict_allocator_;
  RequestStreams streams_;
  // Answers what needs the manager's lock, which is held while a change is written to disk: gRPC's own
  // threads are few, and take in the requests to predict.
  ViewThread views_;
};

}  // namespace modeld
