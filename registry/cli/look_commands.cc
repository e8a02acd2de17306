#include "registry/cli/look_commands.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/version_diff.h"

namespace modeld {
namespace {

EventsLook EventsLookOf(const Arguments& arguments) {
  return {.of_one_model = !arguments.model.empty(), .evidence = arguments.events.evidence};
}

}  // namespace

absl::Status RunHistory(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  // An empty history of a model that does not exist would hide a mistyped name.
  if (!arguments.model.empty()) MODELD_RETURN_IF_ERROR(backend->GetModel(arguments.model).status());
  MODELD_ASSIGN_OR_RETURN(const v1::ListEventsResponse response,
                          backend->ListEvents(arguments.model, arguments.events.limit));
  return session.Print(response, RenderEvents(response, EventsLookOf(arguments), session.look()));
}

absl::Status RunWatch(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  v1::WatchEventsRequest request;
  request.set_model(arguments.model);
  request.set_after_id(arguments.events.after_id);
  return backend->WatchEvents(request, [&](const v1::Event& event) -> absl::Status {
    if (arguments.json) {
      MODELD_ASSIGN_OR_RETURN(const std::string json, ToJson(event));
      return session.WriteNow(json + "\n");
    }
    return session.WriteNow(RenderEventLine(event, EventsLookOf(arguments), session.look()));
  });
}

absl::Status RunDiff(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::GetVersionResponse from,
                          backend->GetVersion(arguments.model, arguments.version));
  MODELD_ASSIGN_OR_RETURN(const v1::GetVersionResponse to,
                          backend->GetVersion(arguments.model, arguments.other_version));
  const VersionDiff diff = DiffVersions(from, to);
  session.Write(arguments.json
                    ? DiffToJson(diff).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                    : RenderDiff(diff, session.look()));
  return absl::OkStatus();
}

absl::Status RunProbe(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::GetVersionResponse response,
                          backend->GetVersion(arguments.model, arguments.version));
  return session.Print(response.probe(), RenderProbe(response, session.look()));
}

absl::Status RunPlans(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  std::string version = arguments.version;
  if (version.empty()) {
    MODELD_ASSIGN_OR_RETURN(const v1::GetModelResponse model, backend->GetModel(arguments.model));
    version = model.model().live_version();
    if (version.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("model ", Quote(arguments.model), " has no live version; name one"));
    }
  }
  if (arguments.retune) MODELD_RETURN_IF_ERROR(backend->RetunePlans(arguments.model, version));
  MODELD_ASSIGN_OR_RETURN(const v1::GetVersionResponse response,
                          backend->GetVersion(arguments.model, version));
  return session.Print(response.probe(), RenderPlans(response, session.look()));
}

}  // namespace modeld
