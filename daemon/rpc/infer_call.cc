#include "daemon/rpc/infer_call.h"

#include <utility>

#include "daemon/rpc/deadline.h"

namespace modeld {

void InferCall::Start(const Shared& shared, grpc::CallbackServerContext* context,
                      grpc::ServerUnaryReactor* reactor) {
  Bind(context, reactor);
  RequestTrace trace = TraceOf(*context);
  if (trace.request_id.empty() && IsRequestId(request()->id())) trace.request_id = request()->id();
  set_trace(std::move(trace));
  InferJob::Start(shared,
                  {.request = request(),
                   .response = response(),
                   .predict_request = New<v1::PredictRequest>(),
                   .predict_response = New<v1::PredictResponse>()},
                  DeadlineOf(context->raw_deadline()));
}

}  // namespace modeld
