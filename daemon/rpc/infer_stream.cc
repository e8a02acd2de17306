#include "daemon/rpc/infer_stream.h"

#include <utility>

#include "daemon/rpc/deadline.h"
#include "daemon/rpc/request_trace.h"
#include "daemon/rpc/status_convert.h"

namespace modeld {
namespace {

// By which callers of models with several answers to a request know the last one; here it is the only one.
constexpr char kFinalResponse[] = "triton_final_response";

}  // namespace

size_t InferStreamJob::SpaceUsed() const {
  return request_.SpaceUsedLong() + response_.SpaceUsedLong() + predict_request_.SpaceUsedLong() +
         predict_response_.SpaceUsedLong();
}

void InferStreamJob::Start(const Shared& shared) {
  id_ = request_.id();
  RequestTrace trace = TraceOf(*context_);
  if (IsRequestId(id_)) trace.request_id = id_;  // one stream holds many requests
  set_trace(std::move(trace));
  InferJob::Start(shared,
                  {.request = &request_,
                   .response = response_.mutable_infer_response(),
                   .predict_request = &predict_request_,
                   .predict_response = &predict_response_},
                  DeadlineOf(context_->raw_deadline()));
}

void InferStreamJob::Done(const absl::Status& status) {
  if (!status.ok()) {
    // The protocol has no field for the code.
    response_.set_error_message(ToGrpcStatus(status).error_message());
    response_.mutable_infer_response()->Clear();
    response_.mutable_infer_response()->set_id(id_);
  }
  (*response_.mutable_infer_response()->mutable_parameters())[kFinalResponse].set_bool_param(true);
  request_.Clear();
  predict_request_.Clear();
  predict_response_.Clear();
  answered_();
}

}  // namespace modeld
