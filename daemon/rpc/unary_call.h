// UnaryCall: one unary call that a job answers, with the allocator that gRPC makes such calls by.
#pragma once

#include <grpcpp/server_context.h>

#include <cstddef>

#include "absl/status/status.h"
#include "daemon/predict/request_log.h"
#include "daemon/rpc/arena_call.h"
#include "daemon/rpc/pushback.h"
#include "daemon/rpc/request_trace.h"
#include "daemon/rpc/status_convert.h"

namespace modeld {

// `Call` is the class that derives from it; `Job`, PredictJob or what derives from it.
template <typename Call, typename Job, typename Request, typename Response, size_t kFirstBlockBytes>
class UnaryCall : public ArenaCall<Request, Response, kFirstBlockBytes>, public Job {
 public:
  // Thread-safe (no state).
  class Allocator final : public grpc::MessageAllocator<Request, Response> {
   public:
    grpc::MessageHolder<Request, Response>* AllocateMessages() override { return new Call; }
  };

  // The call that `context` belongs to. REQUIRES: the service's method uses the Allocator.
  static Call& Of(grpc::CallbackServerContext& context) {
    return static_cast<Call&>(*context.GetRpcAllocatorState());
  }

  // Of QueuedCall.
  bool Cancelled() const final { return context_->IsCancelled(); }
  // Of MessageHolder: gRPC needs it no more.
  void Release() final { delete this; }

 protected:
  ~UnaryCall() override = default;

  // Before the job is started: it finishes `reactor`.
  void Bind(grpc::CallbackServerContext* context, grpc::ServerUnaryReactor* reactor) {
    context_ = context;
    reactor_ = reactor;
  }

 private:
  void Done(const absl::Status& status) final {
    EchoTrace(this->trace(), context_);
    AddPushback(status, context_);
    reactor_->Finish(ToGrpcStatus(status));
  }

  grpc::CallbackServerContext* context_ = nullptr;
  grpc::ServerUnaryReactor* reactor_ = nullptr;
};

}  // namespace modeld
