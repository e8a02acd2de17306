// Labels, canary and shadow.
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

std::string Percent(double share) { return absl::StrCat(share * 100, " %"); }

}  // namespace

absl::StatusOr<std::string> Manager::SetLabel(const Command& command, const std::string& label,
                                              absl::Duration timeout) {
  MODELD_RETURN_IF_ERROR(ValidateLabel(label));
  std::string before;
  const auto change = [&](Routing& routing) -> absl::Status {
    const auto known = routing.labels.find(label);
    if (known != routing.labels.end()) before = known->second;
    if (!command.version.empty()) {
      routing.labels[label] = command.version;
      return absl::OkStatus();
    }
    if (known == routing.labels.end()) {
      return absl::NotFoundError(
          absl::StrCat("model ", Quote(command.model), " has no label ", Quote(label), " to take away"));
    }
    routing.labels.erase(known);
    return absl::OkStatus();
  };
  Command recorded = command;
  recorded.reason = absl::StrCat(Quote(label), command.reason.empty() ? "" : ": ", command.reason);
  MODELD_RETURN_IF_ERROR(ChangeRouting(recorded, action::kLabel, timeout, change).status());
  return before;
}

absl::StatusOr<Routing> Manager::SetCanary(const Command& command, double share, absl::Duration timeout) {
  if (!command.version.empty()) MODELD_RETURN_IF_ERROR(ValidateShare(share));
  const auto change = [&](Routing& routing) {
    routing.canary = command.version;
    routing.canary_share = command.version.empty() ? 0 : share;
    return absl::OkStatus();
  };
  Command recorded = command;
  recorded.reason = absl::StrCat(command.version.empty() ? "off" : Percent(share),
                                 command.reason.empty() ? "" : ": ", command.reason);
  return ChangeRouting(recorded, action::kCanary, timeout, change);
}

absl::StatusOr<Routing> Manager::SetShadow(const Command& command, double share, absl::Duration timeout) {
  if (!command.version.empty()) MODELD_RETURN_IF_ERROR(ValidateShare(share));
  const auto change = [&](Routing& routing) {
    routing.shadow = command.version;
    routing.shadow_share = command.version.empty() ? 0 : share;
    return absl::OkStatus();
  };
  Command recorded = command;
  recorded.reason = absl::StrCat(command.version.empty() ? "off" : Percent(share),
                                 command.reason.empty() ? "" : ": ", command.reason);
  return ChangeRouting(recorded, action::kShadow, timeout, change);
}

absl::StatusOr<Routing> Manager::ChangeRouting(const Command& command, const char* action,
                                               absl::Duration timeout,
                                               const std::function<absl::Status(Routing&)>& change) {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  MODELD_ASSIGN_OR_RETURN(ModelState* const model, FindForChange(command.model));
  absl::StatusOr<Routing> routing = ChangeRoutingNow(*model, command, action, patience, change);
  Reconcile(*model);
  return routing;
}

absl::StatusOr<Routing> Manager::ChangeRoutingNow(ModelState& model, const Command& command,
                                                  const char* action, Timeout& patience,
                                                  const std::function<absl::Status(Routing&)>& change) {
  if (!command.version.empty()) {
    MODELD_ASSIGN_OR_RETURN(const VersionSlot* const slot, FindVersion(model, command.version));
    const auto usable = [&]() -> absl::Status {
      if (slot->usable()) return absl::OkStatus();
      return absl::FailedPreconditionError(
          absl::StrCat(NameVersion(command.model, command.version), " is ",
                       std::string(DispositionName(slot->record.disposition)),
                       "; bring it back with: ", PromoteCommand(command.model, command.version)));
    };
    MODELD_RETURN_IF_ERROR(usable());
    MODELD_RETURN_IF_ERROR(AwaitLoaded(model, command.version, /*to_make_live=*/false, patience));
    MODELD_RETURN_IF_ERROR(usable());
  }
  Routing next = model.routing();
  MODELD_RETURN_IF_ERROR(change(next));
  if (!command.version.empty() && LiveVersion(model.live()) == command.version &&
      (next.canary == command.version || next.shadow == command.version)) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameVersion(command.model, command.version), " is live: it gets all unnamed requests"));
  }
  if (next == model.routing()) return next;  // nothing to record
  MODELD_RETURN_IF_ERROR(registry_->SetRouting(
      model.name(), next, Event(action, model.name(), command.version, command.actor, command.reason)));
  model.SetRouting(next);
  NoteCanary(model);
  LogInfo(action, {{"model", model.name()},
                   {"version", command.version},
                   {"actor", command.actor},
                   {"reason", command.reason}});
  return next;
}

void Manager::DropRoutesToLive(ModelState& model) {
  const std::string live(LiveVersion(model.live()));
  Routing next = model.routing();
  const auto drop = [&](std::string& route, double& share, const char* action) {
    mutex_.AssertHeld();
    if (route.empty() || route != live) return;
    route.clear();
    share = 0;
    const absl::Status committed = registry_->SetRouting(
        model.name(), next, Event(action, model.name(), live, kDaemon, "off: it is live now"));
    if (committed.ok()) {
      model.SetRouting(next);
      NoteCanary(model);
    } else {
      // Harmless: live gets those requests anyway. Tried again when live moves next.
      LogError("routing could not be recorded", {{"model", model.name()}, {"error", committed}});
    }
  };
  drop(next.canary, next.canary_share, action::kCanary);
  drop(next.shadow, next.shadow_share, action::kShadow);
}

}  // namespace modeld
