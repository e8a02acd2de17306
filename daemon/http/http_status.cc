#include "daemon/http/http_status.h"

#include <algorithm>
#include <cmath>

#include "absl/time/time.h"
#include "daemon/codec/utf8.h"
#include "daemon/http/json_writer.h"
#include "daemon/scheduling/retry_after.h"
#include "registry/base/shortened.h"
#include "registry/base/too_large.h"

namespace modeld {

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return IsTooLarge(status) ? 413 : 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

std::string ErrorBody(const absl::Status& status) {
  std::string body = "{\"error\":";
  AppendJsonString(ToUtf8(Shortened({status.message().data(), status.message().size()})), &body);
  body += ",\"code\":";
  AppendJsonString(absl::StatusCodeToString(status.code()), &body);
  body += "}";
  return body;
}

std::optional<int> RetryAfterSeconds(const absl::Status& status) {
  const std::optional<absl::Duration> after = RetryAfter(status);
  if (!after) return std::nullopt;
  return static_cast<int>(std::clamp(std::ceil(absl::ToDoubleSeconds(*after)), 1.0, 3600.0));
}

}  // namespace modeld
