// Plain JSON for /v1/models/NAME:predict, as people write it by hand: {"inputs": {"x": [[1, 2]]}}, or, row by
// row,
// {"instances": [[1, 2], [3, 4]]}, as TensorFlow Serving has it. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/lifecycle/served_version.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

struct PlainRequest {
  v1::PredictRequest predict;  // without model and version
  bool rows = false;           // the answer is to be by rows too
  absl::Duration timeout = absl::InfiniteDuration();
};

// Nested arrays become tensors where the method takes one: of the declared dtype, else BOOL, INT64 or BYTES
// where all elements are such, else FP32. What the method takes as something else becomes that. {"b64":
// "..."} is bytes. `inputs` that are no object, and `instances` that are none, are those of the first
// argument. Beside them may stand `method`, `sticky_key`, `sequence_id`, `sequence_start`, `sequence_end` and
// `timeout_ms`.
//
// INVALID_ARGUMENT: malformed JSON, an unknown key, ragged arrays, an element that is none of the dtype, more
// than a million items in lists and dictionaries.
// NOT_FOUND: there is no such method. What else does not fit is found where the request is bound.
absl::StatusOr<PlainRequest> ReadPlainRequest(std::string_view json, const ServedVersion& version);

// Bytes that came as they are (an image), for the first argument of forward.
absl::StatusOr<PlainRequest> RequestOfBytes(std::string bytes, const ServedVersion& version);

// {"outputs": {name: value}}, or by rows {"predictions": [...]}: of several outputs an object each. Errors as
// AppendJsonElements; also where an output has no rows.
absl::StatusOr<std::string> WritePlainResponse(bool rows, const v1::PredictResponse& response);

}  // namespace modeld
