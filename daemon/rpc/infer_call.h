// InferCall: one unary call of ModelInfer.
#pragma once

#include <grpcpp/server_context.h>

#include "daemon/oip/infer_job.h"
#include "daemon/rpc/arena_call.h"

namespace modeld {

class InferCall final : public ArenaCall<inference::ModelInferRequest, inference::ModelInferResponse, 6144>,
                        public InferJob {
 public:
  InferCall() = default;

  // The call that `context` belongs to. REQUIRES: the service's ModelInfer uses InferAllocator.
  static InferCall& Of(grpc::CallbackServerContext& context) {
    return static_cast<InferCall&>(*context.GetRpcAllocatorState());
  }

  // Has it run; finishes `reactor`.
  void Start(const Shared& shared, grpc::CallbackServerContext* context, grpc::ServerUnaryReactor* reactor);

  // Of QueuedCall.
  bool Cancelled() const override { return context_->IsCancelled(); }
  // Of MessageHolder: gRPC needs it no more.
  void Release() override { delete this; }

 private:
  ~InferCall() override = default;

  void Done(const absl::Status& status) override;

  grpc::CallbackServerContext* context_ = nullptr;
  grpc::ServerUnaryReactor* reactor_ = nullptr;
};

// Thread-safe (no state).
class InferAllocator final
    : public grpc::MessageAllocator<inference::ModelInferRequest, inference::ModelInferResponse> {
 public:
  grpc::MessageHolder<inference::ModelInferRequest, inference::ModelInferResponse>* AllocateMessages()
      override {
    return new InferCall;
  }
};

}  // namespace modeld
