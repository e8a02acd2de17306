// The Open Inference Protocol's requests and answers as JSON, with the bytes of tensors in it or behind it.
// Pure functions.
// https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/http/binary_tensors.h"
#include "inference/grpc_service.pb.h"

namespace modeld {

// How the answer is to be written.
struct InferForm {
  bool binary = false;  // outputs that `outputs` does not name stand behind the JSON
  std::vector<std::pair<std::string, bool>> outputs = {};
};

// Fills `request` but for the model: every input's elements go to raw_input_contents. `data` may be flat or
// nested as the shape is.
//
// INVALID_ARGUMENT: the JSON is malformed; a key is unknown; an element is none of the datatype; `data` is
// not as the shape says; sizes of binary data do not come out. What else is wrong with a tensor is found
// where the request is read.
absl::StatusOr<InferForm> ReadInferRequest(const BodyParts& body, inference::ModelInferRequest* request);

struct InferAnswer {
  std::string body;
  size_t json_bytes = 0;  // for kJsonLengthHeader; 0: all of it is JSON
};

// Errors as AppendJsonElements, naming the output. REQUIRES: elements stand in raw_output_contents.
absl::StatusOr<InferAnswer> WriteInferResponse(const InferForm& form,
                                               const inference::ModelInferResponse& response);

}  // namespace modeld
