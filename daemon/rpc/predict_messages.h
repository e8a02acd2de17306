// PredictMessages: the request and response of one Predict call, in memory of ours.
//
// gRPC hands a handler its request as const; a request that is ours may be taken apart, so that tensor bytes
// move out of it instead of being copied.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/message_allocator.h>

#include "modeld/v1/model_service.pb.h"

namespace modeld {

// Lives from before the request is parsed until the call is done.
class PredictMessages final : public grpc::MessageHolder<v1::PredictRequest, v1::PredictResponse> {
 public:
  // Of the call that `context` belongs to. REQUIRES: the service's Predict uses PredictAllocator.
  static PredictMessages& Of(grpc::CallbackServerContext& context) {
    return static_cast<PredictMessages&>(*context.GetRpcAllocatorState());
  }

  void Release() override { delete this; }

 private:
  friend class PredictAllocator;
  PredictMessages() {
    set_request(&request_);
    set_response(&response_);
  }
  ~PredictMessages() override = default;

  v1::PredictRequest request_;
  v1::PredictResponse response_;
};

// Thread-safe (no state).
class PredictAllocator final : public grpc::MessageAllocator<v1::PredictRequest, v1::PredictResponse> {
 public:
  grpc::MessageHolder<v1::PredictRequest, v1::PredictResponse>* AllocateMessages() override {
    return new PredictMessages;
  }
};

}  // namespace modeld
