// PredictCall: one unary call of Predict, from before its request is parsed until its answer is sent.
// Everything that it needs lies in this one allocation.
#pragma once

#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/message_allocator.h>

#include "daemon/rpc/predict_job.h"

namespace modeld {

// gRPC hands a handler its request as const; this one is ours, and may be taken apart, so that tensor bytes
// move out of it instead of being copied.
class PredictCall final : public grpc::MessageHolder<v1::PredictRequest, v1::PredictResponse>,
                          public PredictJob {
 public:
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
  friend class PredictAllocator;
  PredictCall() {
    set_request(google::protobuf::Arena::CreateMessage<v1::PredictRequest>(&arena_));
    set_response(google::protobuf::Arena::CreateMessage<v1::PredictResponse>(&arena_));
  }
  ~PredictCall() override = default;

  void Done(const absl::Status& status) override;

  // A request and an answer of a few small tensors fit into it.
  static constexpr size_t kFirstBlockBytes = 3072;

  alignas(8) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_{first_block_, kFirstBlockBytes};
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
