#include "daemon/rpc/predict_call.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/rpc/deadline.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/scheduling/retry_after.h"

namespace modeld {
namespace {

// Trailing metadata by which gRPC's own retries know when to try again:
// https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
constexpr char kPushback[] = "grpc-retry-pushback-ms";

}  // namespace

void PredictCall::Start(const Shared& shared, grpc::CallbackServerContext* context,
                        grpc::ServerUnaryReactor* reactor) {
  context_ = context;
  reactor_ = reactor;
  PredictJob::Start(shared, request(), response(), DeadlineOf(context->raw_deadline()));
}

void PredictCall::Done(const absl::Status& status) {
  if (const std::optional<absl::Duration> after = RetryAfter(status)) {
    const int64_t milliseconds = std::max<int64_t>(1, absl::ToInt64Milliseconds(*after));
    context_->AddTrailingMetadata(kPushback, absl::StrCat(milliseconds));
  }
  reactor_->Finish(ToGrpcStatus(status));
}

}  // namespace modeld
