// LocalBackend: one version in full, labels, canary and shadow.
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/local.h"
#include "registry/cli/records_to_proto.h"

namespace modeld {
namespace {

// As the daemon's own commands record it.
std::string WithReason(const std::string& what, const std::string& reason) {
  return absl::StrCat(what, reason.empty() ? "" : ": ", reason);
}

std::string ShareText(const std::string& version, double share) {
  return version.empty() ? "off" : absl::StrCat(share * 100, " %");
}

absl::Status CheckUsable(const ModelRecord& model, const VersionRecord& version) {
  if (version.disposition == Disposition::kGood) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("version ", Quote(version.version), " of model ", Quote(model.name), " is ",
                   std::string(DispositionName(version.disposition)),
                   "; bring it back with: modelctl promote ", model.name, " ", version.version));
}

}  // namespace

absl::StatusOr<v1::GetVersionResponse> LocalBackend::GetVersion(const std::string& name,
                                                                const std::string& version) {
  MODELD_ASSIGN_OR_RETURN(const ModelRecord model, FindModel(name));
  MODELD_ASSIGN_OR_RETURN(const VersionRecord* const record, FindVersion(model, version));
  v1::GetVersionResponse response;
  response.set_model(name);
  *response.mutable_version() = VersionToProto(*record);
  MODELD_ASSIGN_OR_RETURN(*response.mutable_config_json(), registry_->ConfigOf(name, version));
  MODELD_ASSIGN_OR_RETURN(std::optional<v1::ProbeReport> probe, registry_->ProbeOf(name, version));
  if (probe.has_value()) *response.mutable_probe() = *std::move(probe);
  response.set_live(ModelToProto(model).live_version() == version);
  return response;
}

absl::StatusOr<v1::Traffic> LocalBackend::ChangeRouting(const std::string& name, const std::string& version,
                                                        const EventRecord& event,
                                                        const std::function<absl::Status(Routing&)>& change) {
  MODELD_ASSIGN_OR_RETURN(ModelRecord model, FindModel(name));
  if (!version.empty()) {
    MODELD_ASSIGN_OR_RETURN(const VersionRecord* const record, FindVersion(model, version));
    MODELD_RETURN_IF_ERROR(CheckUsable(model, *record));
  }
  Routing next = model.routing;
  MODELD_RETURN_IF_ERROR(change(next));
  if (!version.empty() && LiveVersion(model.live) == version &&
      (next.canary == version || next.shadow == version)) {
    return absl::FailedPreconditionError(absl::StrCat("version ", Quote(version), " of model ", Quote(name),
                                                      " is live: it gets all unnamed "
                                                      "requests"));
  }
  if (next != model.routing) MODELD_RETURN_IF_ERROR(registry_->SetRouting(name, next, event));
  model.routing = next;
  return ModelToProto(model).traffic();
}

absl::StatusOr<v1::SetLabelResponse> LocalBackend::SetLabel(const v1::SetLabelRequest& request) {
  const std::string& label = request.label();
  MODELD_RETURN_IF_ERROR(ValidateLabel(label));
  v1::SetLabelResponse response;
  const auto change = [&](Routing& routing) -> absl::Status {
    if (const auto known = routing.labels.find(label); known != routing.labels.end()) {
      response.set_from_version(known->second);
    } else if (request.version().empty()) {
      return absl::NotFoundError(
          absl::StrCat("model ", Quote(request.model()), " has no label ", Quote(label), " to take away"));
    }
    routing.labels[label] = request.version();
    if (request.version().empty()) routing.labels.erase(label);
    return absl::OkStatus();
  };
  MODELD_RETURN_IF_ERROR(ChangeRouting(request.model(), request.version(),
                                       NewEvent(action::kLabel, request.model(), request.version(),
                                                request.actor(), WithReason(Quote(label), request.reason())),
                                       change)
                             .status());
  return response;
}

absl::StatusOr<v1::SetCanaryResponse> LocalBackend::SetCanary(const v1::SetCanaryRequest& request) {
  if (!request.version().empty()) MODELD_RETURN_IF_ERROR(ValidateShare(request.share()));
  const auto change = [&](Routing& routing) {
    routing.canary = request.version();
    routing.canary_share = request.version().empty() ? 0 : request.share();
    return absl::OkStatus();
  };
  v1::SetCanaryResponse response;
  MODELD_ASSIGN_OR_RETURN(
      *response.mutable_traffic(),
      ChangeRouting(request.model(), request.version(),
                    NewEvent(action::kCanary, request.model(), request.version(), request.actor(),
                             WithReason(ShareText(request.version(), request.share()), request.reason())),
                    change));
  return response;
}

absl::StatusOr<v1::SetShadowResponse> LocalBackend::SetShadow(const v1::SetShadowRequest& request) {
  if (!request.version().empty()) MODELD_RETURN_IF_ERROR(ValidateShare(request.share()));
  const auto change = [&](Routing& routing) {
    routing.shadow = request.version();
    routing.shadow_share = request.version().empty() ? 0 : request.share();
    return absl::OkStatus();
  };
  v1::SetShadowResponse response;
  MODELD_ASSIGN_OR_RETURN(
      *response.mutable_traffic(),
      ChangeRouting(request.model(), request.version(),
                    NewEvent(action::kShadow, request.model(), request.version(), request.actor(),
                             WithReason(ShareText(request.version(), request.share()), request.reason())),
                    change));
  return response;
}

}  // namespace modeld
