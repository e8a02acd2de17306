#include "daemon/rpc/infer_call.h"

#include "daemon/rpc/deadline.h"
#include "daemon/rpc/pushback.h"
#include "daemon/rpc/status_convert.h"

namespace modeld {

void InferCall::Start(const Shared& shared, grpc::CallbackServerContext* context,
                      grpc::ServerUnaryReactor* reactor) {
  context_ = context;
  reactor_ = reactor;
  InferJob::Start(shared,
                  {.request = request(),
                   .response = response(),
                   .predict_request = New<v1::PredictRequest>(),
                   .predict_response = New<v1::PredictResponse>()},
                  DeadlineOf(context->raw_deadline()));
}

void InferCall::Done(const absl::Status& status) {
  AddPushback(status, context_);
  reactor_->Finish(ToGrpcStatus(status));
}

}  // namespace modeld
