#include "daemon/rpc/predict_call.h"

#include "daemon/rpc/deadline.h"
#include "daemon/rpc/pushback.h"
#include "daemon/rpc/request_trace.h"
#include "daemon/rpc/status_convert.h"

namespace modeld {

void PredictCall::Start(const Shared& shared, grpc::CallbackServerContext* context,
                        grpc::ServerUnaryReactor* reactor) {
  context_ = context;
  reactor_ = reactor;
  set_trace(TraceOf(*context));
  PredictJob::Start(shared, request(), response(), DeadlineOf(context->raw_deadline()));
}

void PredictCall::Done(const absl::Status& status) {
  EchoTrace(trace(), context_);
  AddPushback(status, context_);
  reactor_->Finish(ToGrpcStatus(status));
}

}  // namespace modeld
