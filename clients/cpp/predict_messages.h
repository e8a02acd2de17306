// Between the client's own structs and the messages of Predict and PredictStream. Internal; pure functions.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/prediction.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// INVALID_ARGUMENT: both a version and a label.
absl::StatusOr<v1::PredictRequest> PredictRequestOf(const std::string& model, Inputs inputs,
                                                    const PredictOptions& options);
Prediction PredictionOf(v1::PredictResponse response);

// The answer to a request of a stream.
absl::StatusOr<Prediction> StreamedAnswerOf(v1::PredictStreamResponse response);

// With RetryAfterOf, where the daemon told. REQUIRES: the call on `context` has ended.
absl::Status StatusOfCall(const grpc::Status& status, const grpc::ClientContext& context);

}  // namespace modeld
