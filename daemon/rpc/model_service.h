// ModelServiceImpl: modeld.v1.ModelService. Each handler validates, takes a handle, converts a Status once
// and replies; the model runs on the version's instances.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/shadow_runner.h"
#include "daemon/predict/router.h"
#include "daemon/rpc/predict_call.h"
#include "daemon/rpc/predict_stream.h"
#include "daemon/source/intake.h"
#include "modeld/v1/model_service.grpc.pb.h"
#include "registry/base/serial_thread.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe. All pointers outlive the service, and the server that it is registered with is shut down
// before any of them goes.
class ModelServiceImpl final : public v1::ModelService::CallbackService {
 public:
  // An answer larger than `max_message_bytes` is refused, as gRPC refuses such a request.
  ModelServiceImpl(const ServingTable* table, ShadowRunner* shadows, Sequences* sequences,
                   const Manager* manager, const Intake* intake, Registry* registry,
                   int64_t max_message_bytes);

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

  const ServingTable* const table_;
  const Manager* const manager_;
  const Intake* const intake_;
  Registry* const registry_;
  const Router router_;
  const PredictJob::Shared jobs_;
  PredictAllocator predict_allocator_;
  RequestStreams streams_;
  // Answers what needs the manager's lock, which is held while a change is written to disk: gRPC's own
  // threads are few, and take in the requests to predict.
  SerialThread views_;
};

}  // namespace modeld
