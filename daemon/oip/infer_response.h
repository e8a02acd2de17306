// From our answer to the Open Inference Protocol's. Pure functions.
#pragma once

#include "absl/status/status.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/oip/infer_request.h"
#include "inference/grpc_service.pb.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// Takes the outputs of `predict`, which `version` answered by its method `method`, over; tensor bytes move,
// and are not copied, where the answer is raw. In the order that was asked for, else that of the method.
//
// The protocol has tensors only. A bool, integer, float or string becomes a tensor of one element; a list or
// tuple of such one of one dimension; other items of lists, tuples and dictionaries become outputs of their
// own, `boxes.0`, `scores.cat`; None becomes nothing. An output may be asked for as OUTPUT__N, its number,
// and is called so then.
//
// INVALID_ARGUMENT: an output is asked for that the model did not return, or its classes where it has none.
// UNIMPLEMENTED: a complex tensor, which the protocol has no dtype for.
absl::Status FillInferResponse(const InferOptions& options, const ServedVersion& version, size_t method,
                               v1::PredictResponse& predict, inference::ModelInferResponse* response);

}  // namespace modeld
