// InferJob: one request of the Open Inference Protocol, translated to a PredictJob and its answer back.
#pragma once

#include "daemon/oip/infer_request.h"
#include "daemon/predict/predict_job.h"
#include "inference/grpc_service.pb.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// As PredictJob.
class InferJob : public PredictJob {
 public:
  // All live until Done. Those of ours are empty.
  struct Messages {
    inference::ModelInferRequest* request;
    inference::ModelInferResponse* response;
    v1::PredictRequest* predict_request;
    v1::PredictResponse* predict_response;
  };
  void Start(const Shared& shared, const Messages& messages, absl::Time deadline);

 protected:
  ~InferJob() = default;

 private:
  absl::Status Translate(const ServedVersion& version) final;

  InferOptions options_;
  v1::PredictResponse* predict_response_ = nullptr;
  inference::ModelInferResponse* response_ = nullptr;
};

}  // namespace modeld
