// Pushback: tells gRPC's own retries when to try again.
#pragma once

#include <grpcpp/server_context.h>

#include "absl/status/status.h"

namespace modeld {

// Where `status` is a full queue's.
// https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
void AddPushback(const absl::Status& status, grpc::CallbackServerContext* context);

}  // namespace modeld
