// absl::Status to grpc::Status, once, at the edge. The codes are numbered alike.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace modeld {

// The message becomes UTF-8, and is shortened in the middle where it is so long (a model's stack trace) that
// it could break the 8 KiB which gRPC's peers allow for a reply's trailers.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace modeld
