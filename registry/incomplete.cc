#include "registry/incomplete.h"

#include <string>

#include "absl/strings/cord.h"

namespace modeld {
namespace {

constexpr char kPayload[] = "modeld/incomplete";

}  // namespace

absl::Status IncompleteError(std::string_view message) {
  absl::Status status = absl::UnavailableError(std::string(message));
  status.SetPayload(kPayload, absl::Cord());
  return status;
}

bool IsIncomplete(const absl::Status& status) { return status.GetPayload(kPayload).has_value(); }

}  // namespace modeld
