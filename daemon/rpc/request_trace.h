// The request id and trace that a call's metadata name, and their way back in the reply's.
#pragma once

#include <grpcpp/server_context.h>

#include "daemon/predict/request_log.h"

namespace modeld {

// `x-request-id`, and `traceparent` if it is a valid one. An id that is not printable ASCII, or of more than
// 128 characters, counts as none.
RequestTrace TraceOf(const grpc::CallbackServerContext& context);

// As trailing metadata, before the call is finished.
void EchoTrace(const RequestTrace& trace, grpc::CallbackServerContext* context);

}  // namespace modeld
