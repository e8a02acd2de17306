// From the Open Inference Protocol's request to ours. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "inference/grpc_service.pb.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// What of a ModelInferRequest says how it is to be answered.
struct InferOptions {
  struct Output {
    std::string name;
    int64_t classes = 0;  // the highest so many, as "value:index:label"; 0: the tensor as it is
  };
  std::string id = {};
  std::vector<Output> outputs = {};  // in this order; empty: all
  bool raw = true;                   // elements in raw_output_contents
  absl::Duration timeout = absl::InfiniteDuration();
};

// Takes the request apart: tensor bytes move to `predict`, and are not copied. Its `model_version` becomes
// `predict`'s version, which may be a label as well: VersionNames::kVersionsAndLabels.
//
// Parameters: `priority` (Triton's: 1 is the highest; here 1 is high, 0 and 2 are normal, others low),
// `timeout` (microseconds; less than 1000 is taken for another unit, and not heeded), `sequence_id` (a number
// other than 0, or text), `sequence_start`, `sequence_end`; `method` and `sticky_key` as in PredictRequest.
// Others mean nothing here.
//
// INVALID_ARGUMENT: raw_input_contents are not one for each input, or stand beside contents; elements stand
// in a field that is not their dtype's, or are not as many as the shape says; an input is given twice; a
// parameter has no value of its kind. UNIMPLEMENTED: tensors in shared memory. What else is wrong with a
// tensor is found where `predict` is read.
absl::StatusOr<InferOptions> TakeInferRequest(inference::ModelInferRequest& request,
                                              v1::PredictRequest* predict);

}  // namespace modeld
