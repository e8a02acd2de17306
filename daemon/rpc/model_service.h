// ModelServiceImpl: modeld.v1.ModelService. Each handler validates, takes a handle, converts a Status once
// and replies; the model runs on the worker pool, never on gRPC's threads.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/scheduling/worker_pool.h"
#include "daemon/source/intake.h"
#include "modeld/v1/model_service.grpc.pb.h"
#include "registry/base/clock.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe. All pointers outlive the service, and the server that it is registered with is shut down
// before any of them goes.
class ModelServiceImpl final : public v1::ModelService::CallbackService {
 public:
  ModelServiceImpl(const ServingTable* table, WorkerPool* pool, const Manager* manager, const Intake* intake,
                   Registry* registry, const Clock* clock);

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context, const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

 private:
  const ServingTable* const table_;
  WorkerPool* const pool_;
  const Manager* const manager_;
  const Intake* const intake_;
  Registry* const registry_;
  const Clock* const clock_;
};

}  // namespace modeld
