#include "daemon/rpc/admin_requests.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "daemon/rpc/deadline.h"

namespace modeld {

absl::Duration TimeoutOf(const grpc::ServerContext& context, absl::Duration longest) {
  return std::clamp(DeadlineOf(context.raw_deadline()) - absl::Now(), absl::ZeroDuration(), longest);
}

absl::Status RequireModel(const std::string& model) {
  if (!model.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("the request names no model; set `model`");
}

absl::Status RequireVersion(const std::string& version) {
  if (!version.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("the request names no version; set `version`");
}

}  // namespace modeld
