// PredictCall: one unary call of Predict.
#pragma once

#include <grpcpp/server_context.h>

#include "daemon/predict/predict_job.h"
#include "daemon/rpc/arena_call.h"

namespace modeld {

class PredictCall final : public ArenaCall<v1::PredictRequest, v1::PredictResponse, 3072>, public PredictJob {
 public:
  PredictCall() = default;

  // The call that `context` belongs to. REQUIRES: the service's Predict uses PredictAllocator.
  static PredictCall& Of(grpc::CallbackServerContext& context) {
    return static_cast<PredictCall&>(*context.GetRpcAllocatorState());
  }

  // Has it run; finishes `reactor`.
  void Start(const Shared& shared, grpc::CallbackServerContext* context, grpc::ServerUnaryReactor* reactor);

  // Of QueuedCall.
  bool Cancelled() const override { return context_->IsCancelled(); }
  // Of MessageHolder: gRPC needs it no more.
  void Release() override { delete this; }

 private:
  ~PredictCall() override = default;

  void Done(const absl::Status& status) override;

  grpc::CallbackServerContext* context_ = nullptr;
  grpc::ServerUnaryReactor* reactor_ = nullptr;
};

// Thread-safe (no state).
class PredictAllocator final : public grpc::MessageAllocator<v1::PredictRequest, v1::PredictResponse> {
 public:
  grpc::MessageHolder<v1::PredictRequest, v1::PredictResponse>* AllocateMessages() override {
    return new PredictCall;
  }
};

}  // namespace modeld
