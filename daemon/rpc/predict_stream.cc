#include "daemon/rpc/predict_stream.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/rpc/deadline.h"
#include "daemon/rpc/request_trace.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/scheduling/retry_after.h"

namespace modeld {

void PredictStreamJob::Start(const Shared& shared) {
  set_trace(TraceOf(*context_));
  if (request_.timeout_ms() < 0) {
    return Refuse(shared, request_.request().model(),
                  absl::InvalidArgumentError(
                      absl::StrCat("timeout_ms is ", request_.timeout_ms(), "; expected at least 0")));
  }
  absl::Time job_deadline = DeadlineOf(context_->raw_deadline());
  if (request_.timeout_ms() > 0) {
    job_deadline = std::min(job_deadline, absl::Now() + absl::Milliseconds(request_.timeout_ms()));
  }
  PredictJob::Start(shared, request_.mutable_request(), response_.mutable_response(), job_deadline);
}

void PredictStreamJob::Done(const absl::Status& status) {
  if (!status.ok()) {
    const grpc::Status wire = ToGrpcStatus(status);
    v1::PredictFailure* const failure = response_.mutable_failure();
    failure->set_code(static_cast<int32_t>(wire.error_code()));
    failure->set_message(wire.error_message());
    if (const std::optional<absl::Duration> after = RetryAfter(status)) {
      failure->set_retry_after_ms(std::max<int64_t>(1, absl::ToInt64Milliseconds(*after)));
    }
  }
  request_.Clear();
  answered_();
}

}  // namespace modeld
