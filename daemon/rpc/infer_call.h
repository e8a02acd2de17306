// InferCall: one unary call of ModelInfer.
#pragma once

#include "daemon/oip/infer_job.h"
#include "daemon/rpc/unary_call.h"

namespace modeld {

class InferCall final : public UnaryCall<InferCall, InferJob, inference::ModelInferRequest,
                                         inference::ModelInferResponse, 6144> {
 public:
  // Has it run; finishes `reactor`.
  void Start(const Shared& shared, grpc::CallbackServerContext* context, grpc::ServerUnaryReactor* reactor);

 private:
  ~InferCall() override = default;
};

}  // namespace modeld
