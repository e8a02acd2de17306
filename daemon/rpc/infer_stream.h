// InferStream: one call of ModelStreamInfer.
#pragma once

#include <grpcpp/server_context.h>

#include <functional>
#include <string>
#include <utility>

#include "daemon/oip/infer_job.h"
#include "daemon/rpc/request_stream.h"

namespace modeld {

// See RequestStream.
class InferStreamJob final : public InferJob {
 public:
  using Request = inference::ModelInferRequest;
  using Response = inference::ModelStreamInferResponse;
  InferStreamJob(grpc::CallbackServerContext* context, std::function<void()> answered)
      : context_(context), answered_(std::move(answered)) {}

  Request* request() { return &request_; }
  const Response* response() const { return &response_; }
  size_t SpaceUsed() const;
  void Start(const Shared& shared);

  // Of QueuedCall.
  bool Cancelled() const override { return context_->IsCancelled(); }

 private:
  void Done(const absl::Status& status) override;

  grpc::CallbackServerContext* const context_;
  const std::function<void()> answered_;
  std::string id_;
  Request request_;
  Response response_;
  v1::PredictRequest predict_request_;
  v1::PredictResponse predict_response_;
};

using InferStream = RequestStream<InferStreamJob>;

}  // namespace modeld
