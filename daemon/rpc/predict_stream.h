// PredictStream: one call of PredictStream.
#pragma once

#include <grpcpp/server_context.h>

#include <functional>
#include <utility>

#include "daemon/predict/predict_job.h"
#include "daemon/rpc/request_stream.h"

namespace modeld {

// See RequestStream.
class PredictStreamJob final : public PredictJob {
 public:
  using Request = v1::PredictStreamRequest;
  using Response = v1::PredictStreamResponse;
  PredictStreamJob(grpc::CallbackServerContext* context, std::function<void()> answered)
      : context_(context), answered_(std::move(answered)) {}

  Request* request() { return &request_; }
  const Response* response() const { return &response_; }
  size_t SpaceUsed() const { return request_.SpaceUsedLong() + response_.SpaceUsedLong(); }
  void Start(const Shared& shared);

  // Of QueuedCall.
  bool Cancelled() const override { return context_->IsCancelled(); }

 private:
  void Done(const absl::Status& status) override;

  grpc::CallbackServerContext* const context_;
  const std::function<void()> answered_;
  Request request_;
  Response response_;
};

using PredictStream = RequestStream<PredictStreamJob>;

}  // namespace modeld
