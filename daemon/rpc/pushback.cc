#include "daemon/rpc/pushback.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/scheduling/retry_after.h"

namespace modeld {

void AddPushback(const absl::Status& status, grpc::CallbackServerContext* context) {
  const std::optional<absl::Duration> after = RetryAfter(status);
  if (!after) return;
  const int64_t milliseconds = std::max<int64_t>(1, absl::ToInt64Milliseconds(*after));
  context->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(milliseconds));
}

}  // namespace modeld
