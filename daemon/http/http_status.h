// Statuses over HTTP. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace modeld {

// INVALID_ARGUMENT and OUT_OF_RANGE 400, UNAUTHENTICATED 401, PERMISSION_DENIED 403, NOT_FOUND 404,
// FAILED_PRECONDITION, ABORTED and ALREADY_EXISTS 409, RESOURCE_EXHAUSTED 429, CANCELLED 499, UNIMPLEMENTED
// 501, UNAVAILABLE 503, DEADLINE_EXCEEDED 504, others 500. As grpc-gateway, but for FAILED_PRECONDITION: what
// the request says is right, the state of the model is not.
int HttpStatusOf(const absl::Status& status);

// {"error": message, "code": "NOT_FOUND"}: clients of the Open Inference Protocol read `error`.
std::string ErrorBody(const absl::Status& status);

// Whole seconds for the header Retry-After, at least 1; none: the status has no hint.
std::optional<int> RetryAfterSeconds(const absl::Status& status);

}  // namespace modeld
