// PredictCall: one unary call of Predict.
#pragma once

#include "daemon/predict/predict_job.h"
#include "daemon/rpc/unary_call.h"

namespace modeld {

class PredictCall final
    : public UnaryCall<PredictCall, PredictJob, v1::PredictRequest, v1::PredictResponse, 3072> {
 public:
  // Has it run; finishes `reactor`.
  void Start(const Shared& shared, grpc::CallbackServerContext* context, grpc::ServerUnaryReactor* reactor);

 private:
  ~PredictCall() override = default;
};

}  // namespace modeld
