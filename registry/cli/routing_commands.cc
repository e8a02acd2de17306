#include "registry/cli/routing_commands.h"

#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"
#include "registry/cli/table.h"

namespace modeld {
namespace {

// The part that all requests share.
template <typename Request>
Request NewRequest(const Session& session) {
  Request request;
  request.set_model(session.arguments().model);
  request.set_version(session.arguments().version);
  request.set_reason(session.arguments().reason);
  request.set_actor(session.actor());
  return request;
}

std::string RenderShare(const std::string& model, const char* what, const std::string& version,
                        double share) {
  if (version.empty()) return absl::StrCat(Printable(model), ": no ", what, "\n");
  return absl::StrCat(Printable(model), ": ", what, " ", Printable(version), " gets ", FormatShare(share),
                      " of the unnamed requests\n");
}

}  // namespace

absl::Status RunLabel(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  auto request = NewRequest<v1::SetLabelRequest>(session);
  request.set_label(arguments.routing.label);
  MODELD_ASSIGN_OR_RETURN(const v1::SetLabelResponse response, backend->SetLabel(request));
  const auto or_none = [](const std::string& version) { return version.empty() ? "none" : version; };
  return session.Print(response, absl::StrCat(arguments.model, ": ", arguments.routing.label, " ",
                                              Printable(or_none(response.from_version())), " -> ",
                                              or_none(arguments.version), "\n"));
}

absl::Status RunCanary(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  auto request = NewRequest<v1::SetCanaryRequest>(session);
  request.set_share(arguments.routing.share);
  MODELD_ASSIGN_OR_RETURN(const v1::SetCanaryResponse response, backend->SetCanary(request));
  return session.Print(response, RenderShare(arguments.model, "canary", response.traffic().canary_version(),
                                             response.traffic().canary_share()));
}

absl::Status RunShadow(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  auto request = NewRequest<v1::SetShadowRequest>(session);
  request.set_share(arguments.routing.share);
  MODELD_ASSIGN_OR_RETURN(const v1::SetShadowResponse response, backend->SetShadow(request));
  const v1::Traffic& traffic = response.traffic();
  if (traffic.shadow_version().empty()) {
    return session.Print(response, RenderShare(arguments.model, "shadow", "", 0));
  }
  return session.Print(
      response,
      absl::StrCat(Printable(arguments.model), ": shadow ", Printable(traffic.shadow_version()),
                   " gets copies of ", FormatShare(traffic.shadow_share()), " of the unnamed requests\n"));
}

}  // namespace modeld
