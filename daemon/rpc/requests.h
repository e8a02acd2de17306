// What handlers check alike.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/predict/required.h"

namespace modeld {

// How long a handler may wait: as long as its caller does, and no longer than `longest`, which is also for
// callers that set no deadline.
absl::Duration TimeoutOf(const grpc::ServerContext& context, absl::Duration longest = absl::Seconds(60));

// INVALID_ARGUMENT where what is to be said of a command in the history would be too long to be read there.
absl::Status CheckRemarks(const std::string& reason, const std::string& actor);

// INVALID_ARGUMENT where a command names no model or its remarks are too long.
template <typename Request>
absl::Status CheckCommand(const Request& request) {
  if (absl::Status named = RequireModel(request.model()); !named.ok()) return named;
  return CheckRemarks(request.reason(), request.actor());
}

}  // namespace modeld
