#include "daemon/lifecycle/memory_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace modeld {

std::string Megabytes(int64_t bytes) { return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6); }

namespace {

// What may go, in the order in which it goes.
std::vector<MemoryUser> Victims(const MemoryInput& input) {
  std::vector<MemoryUser> victims;
  if (!input.needed) return victims;
  for (const bool same_model : {true, false}) {
    for (const MemoryUser& user : input.users) {
      if (user.spare && (user.model == input.model) == same_model) victims.push_back(user);
    }
  }
  if (input.policy != MemoryPolicy::kResource || !input.replaces_live) return victims;
  const auto live = std::find_if(input.users.begin(), input.users.end(), [&](const MemoryUser& user) {
    return user.live && user.model == input.model;
  });
  if (live != input.users.end()) victims.push_back(*live);
  return victims;
}

std::string WhyRefused(const MemoryInput& input) {
  const int64_t free = std::max<int64_t>(input.budget_bytes - input.used_bytes, 0);
  const std::string needs =
      absl::StrCat("not enough memory: it takes ", Megabytes(input.bytes), ", and of the budget of ",
                   Megabytes(input.budget_bytes), " ", Megabytes(free), " are free");
  if (input.bytes > input.budget_bytes) {
    return absl::StrCat(needs, "; raise --memory-budget-mib, or give the daemon more memory");
  }
  return absl::StrCat(needs,
                      "; retire versions or models that are not needed, raise --memory-budget-mib, or let "
                      "the old version go first with --memory-policy=resource");
}

}  // namespace

MemoryDecision PlanMemory(const MemoryInput& input) {
  using Kind = MemoryDecision::Kind;
  const int64_t missing = input.used_bytes + input.bytes - input.budget_bytes;
  if (input.budget_bytes == 0 || missing <= 0) return {.kind = Kind::kLoad, .unload = {}, .reason = ""};

  MemoryDecision decision{.kind = Kind::kWait, .unload = {}, .reason = ""};
  int64_t freed = input.draining_bytes;
  for (MemoryUser& victim : Victims(input)) {
    if (freed >= missing) break;
    decision.kind = Kind::kUnload;
    freed += victim.bytes;
    decision.unload.push_back(std::move(victim));
  }
  if (freed >= missing) return decision;
  return {.kind = Kind::kRefuse, .unload = {}, .reason = WhyRefused(input)};
}

int64_t EstimateBytes(int64_t artifact_bytes) { return artifact_bytes + artifact_bytes / 4; }

}  // namespace modeld
