#include "daemon/rpc/predict_call.h"

#include "daemon/rpc/deadline.h"

namespace modeld {

void PredictCall::Start(const Shared& shared, grpc::CallbackServerContext* context,
                        grpc::ServerUnaryReactor* reactor) {
  Bind(context, reactor);
  set_trace(TraceOf(*context));
  PredictJob::Start(shared, request(), response(), DeadlineOf(context->raw_deadline()));
}

}  // namespace modeld
