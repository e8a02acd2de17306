#include "daemon/scheduling/retry_after.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

// Microseconds, as text.
constexpr char kPayload[] = "modeld/retry-after-us";

}  // namespace

void SetRetryAfter(absl::Duration after, absl::Status& status) {
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(absl::ToInt64Microseconds(after))));
}

std::optional<absl::Duration> RetryAfter(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int64_t microseconds = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &microseconds)) return std::nullopt;
  return absl::Microseconds(microseconds);
}

}  // namespace modeld
