#include "daemon/rpc/requests.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/rpc/deadline.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr absl::Duration kForTheAnswer = absl::Milliseconds(100);
constexpr size_t kMaxReasonBytes = 4 << 10;
constexpr size_t kMaxActorBytes = 256;

absl::Status CheckLength(const char* field, const std::string& text, size_t most) {
  if (text.size() <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("`", field, "` has ", text.size(), " bytes; at most ", most, " are kept in the history"));
}

}  // namespace

absl::Duration TimeoutOf(const grpc::ServerContext& context, absl::Duration longest) {
  const absl::Duration left = DeadlineOf(context.raw_deadline()) - absl::Now();
  // The answer, which says what was waited for, has to come before the caller gives up.
  return std::clamp(left - std::min(kForTheAnswer, left / 10), absl::ZeroDuration(), longest);
}

absl::Status CheckRemarks(const std::string& reason, const std::string& actor) {
  MODELD_RETURN_IF_ERROR(CheckLength("reason", reason, kMaxReasonBytes));
  return CheckLength("actor", actor, kMaxActorBytes);
}

}  // namespace modeld
