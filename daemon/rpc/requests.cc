#include "daemon/rpc/requests.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "daemon/rpc/deadline.h"

namespace modeld {
namespace {

constexpr absl::Duration kForTheAnswer = absl::Milliseconds(100);

}  // namespace

absl::Duration TimeoutOf(const grpc::ServerContext& context, absl::Duration longest) {
  const absl::Duration left = DeadlineOf(context.raw_deadline()) - absl::Now();
  // The answer, which says what was waited for, has to come before the caller gives up.
  return std::clamp(left - std::min(kForTheAnswer, left / 10), absl::ZeroDuration(), longest);
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
