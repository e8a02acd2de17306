// absl::Status to grpc::Status, once, at the edge. The codes are numbered alike.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace modeld {

grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace modeld
