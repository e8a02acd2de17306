#include "registry/cli/store_commands.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"
#include "registry/cli/render_store.h"

namespace modeld {

absl::Status RunGc(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  v1::CollectGarbageRequest request;
  request.set_model(arguments.model);
  request.set_keep_last(arguments.care.keep_last);
  request.set_keep_younger_seconds(arguments.care.keep_younger_s);
  request.set_apply(arguments.care.apply);
  request.set_reason(arguments.reason);
  request.set_actor(session.actor());
  MODELD_ASSIGN_OR_RETURN(const v1::CollectGarbageResponse response, backend->CollectGarbage(request));
  return session.Print(response, RenderGarbage(response, session.look()));
}

absl::Status RunVerify(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  v1::VerifyStoreRequest request;
  request.set_repair(session.arguments().care.repair);
  request.set_actor(session.actor());
  MODELD_ASSIGN_OR_RETURN(const v1::VerifyStoreResponse response, backend->VerifyStore(request));
  MODELD_RETURN_IF_ERROR(session.Print(response, RenderFindings(response, session.look())));
  const auto open = std::count_if(response.findings().begin(), response.findings().end(),
                                  [](const v1::StoreFinding& finding) { return finding.repair().empty(); });
  if (open == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "findings not repaired: ", open,
      request.repair()
          ? "; see REPAIR above for what is left to a person"
          : "; modelctl verify --repair repairs what can be, and artifacts that are live or cannot be "
            "mended come back by dropping their files again"));
}

}  // namespace modeld
