#include "daemon/rpc/actor.h"

#include "absl/strings/str_cat.h"

namespace modeld {

std::string ActorText(const std::optional<std::string>& user, const std::string& claim) {
  if (!user.has_value()) return absl::StrCat(claim.empty() ? "unknown" : claim, " (unverified)");
  if (claim.empty() || claim == *user) return *user;
  return absl::StrCat(*user, ", as ", claim);
}

}  // namespace modeld
