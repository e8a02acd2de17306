// What no second attempt makes smaller: RESOURCE_EXHAUSTED, told apart from that of a moment.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace modeld {

inline constexpr char kTooLargePayload[] = "modeld/too-large";

inline absl::Status TooLargeError(const std::string& message) {
  absl::Status status = absl::ResourceExhaustedError(message);
  status.SetPayload(kTooLargePayload, absl::Cord());
  return status;
}

inline bool IsTooLarge(const absl::Status& status) { return status.GetPayload(kTooLargePayload).has_value(); }

}  // namespace modeld
