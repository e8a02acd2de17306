#include "registry/cli/commands.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/completion.h"
#include "registry/cli/deploy_commands.h"
#include "registry/cli/inspect_command.h"
#include "registry/cli/look_commands.h"
#include "registry/cli/parse_value.h"
#include "registry/cli/routing_commands.h"
#include "registry/cli/store_commands.h"
#include "registry/cli/table.h"
#include "registry/cli/unpack.h"

namespace modeld {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 31;  // Protobuf's limit of a message

absl::Status RunModels(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse response, backend->ListModels());
  return session.Print(response, RenderModels(response, session.look()));
}

absl::Status RunVersions(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::GetModelResponse response, backend->GetModel(session.arguments().model));
  return session.Print(response, RenderVersions(response, session.look()));
}

absl::Status RunStatus(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::GetStatusResponse response, backend->GetStatus());
  return session.Print(response, RenderStatus(response, session.look()));
}

absl::Status RunRescan(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::RescanResponse response, backend->Rescan());
  return session.Print(response, RenderRescan(response, session.look()));
}

// The part that all changing requests share.
template <typename Request>
Request NewRequest(const Session& session) {
  Request request;
  request.set_model(session.arguments().model);
  request.set_reason(session.arguments().reason);
  request.set_actor(session.actor());
  return request;
}

absl::Status RunRollback(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  auto request = NewRequest<v1::RollbackRequest>(session);
  request.set_to_version(session.arguments().version);
  MODELD_ASSIGN_OR_RETURN(const v1::RollbackResponse response, backend->Rollback(request));
  return session.Print(response, RenderChange(response.change()));
}

absl::Status RunPromote(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  auto request = NewRequest<v1::PromoteRequest>(session);
  request.set_version(session.arguments().version);
  MODELD_ASSIGN_OR_RETURN(const v1::PromoteResponse response, backend->Promote(request));
  return session.Print(response, RenderChange(response.change()));
}

absl::Status RunPin(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  auto request = NewRequest<v1::PinRequest>(session);
  request.set_version(session.arguments().version);
  MODELD_ASSIGN_OR_RETURN(const v1::PinResponse response, backend->Pin(request));
  return session.Print(response, RenderChange(response.change()));
}

absl::Status RunUnpin(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::UnpinResponse response,
                          backend->Unpin(NewRequest<v1::UnpinRequest>(session)));
  return session.Print(response, RenderChange(response.change()));
}

absl::Status RunRetire(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  auto request = NewRequest<v1::RetireRequest>(session);
  request.set_version(arguments.version);
  MODELD_ASSIGN_OR_RETURN(const v1::RetireResponse response, backend->Retire(request));
  return session.Print(response, absl::StrCat(arguments.model, ": ", arguments.version, " retired\n"));
}

// The signature of an input; type `Any` where the method or the input is not known, for then the daemon's
// answer says what is known.
v1::ArgumentSignature SignatureOf(const v1::GetModelResponse& model, const std::string& method,
                                  const std::string& input) {
  for (const v1::MethodSignature& candidate : model.methods()) {
    if (candidate.name() != (method.empty() ? "forward" : method)) continue;
    for (const v1::ArgumentSignature& argument : candidate.inputs()) {
      if (argument.name() == input) return argument;
    }
  }
  v1::ArgumentSignature unknown;
  unknown.set_name(input);
  unknown.set_type("Any");
  return unknown;
}

absl::StatusOr<v1::PredictRequest> NewPredictRequest(const Arguments& arguments, Backend& backend) {
  v1::PredictRequest request;
  request.set_model(arguments.model);
  request.set_method(arguments.predict.method);
  if (!arguments.version.empty()) request.set_version(arguments.version);
  if (!arguments.predict.label.empty()) request.set_label(arguments.predict.label);
  if (arguments.predict.inputs.empty()) return request;

  MODELD_ASSIGN_OR_RETURN(const v1::GetModelResponse model, backend.GetModel(arguments.model));
  const ReadFileFn read_file = [](const std::string& path) {
    return ReadFile(*FileSystem::Real(), path, kMaxFileBytes);
  };
  for (const std::string& argument : arguments.predict.inputs) {
    MODELD_ASSIGN_OR_RETURN(const InputText input, SplitInput(argument));
    if (request.inputs().contains(input.name)) {
      return absl::InvalidArgumentError(absl::StrCat("input ", Quote(input.name), " is given twice"));
    }
    const v1::ArgumentSignature signature = SignatureOf(model, request.method(), input.name);
    MODELD_ASSIGN_OR_RETURN((*request.mutable_inputs())[input.name],
                            ParseInput(signature, input.text, read_file));
  }
  return request;
}

absl::Status RunPredict(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const v1::PredictRequest request, NewPredictRequest(session.arguments(), *backend));
  MODELD_ASSIGN_OR_RETURN(v1::PredictResponse response, backend->Predict(request));
  for (auto& [name, value] : *response.mutable_outputs()) MODELD_RETURN_IF_ERROR(UnpackTensors(value));
  return session.Print(response, RenderPrediction(response, session.look()));
}

absl::Status RunInspect(Session& session) {
  const InspectArguments& arguments = session.arguments().inspect;
  std::vector<InspectReport> reports;
  std::vector<std::string> refusals;
  absl::StatusCode code = absl::StatusCode::kNotFound;
  for (const std::string& path : arguments.files) {
    reports.push_back(Inspect(path, arguments));
    const absl::Status& status = reports.back().status;
    if (status.ok()) continue;
    refusals.push_back(absl::StrCat(Quote(path, path.size()), ": ", status.message()));
    // No daemon was asked, so "not reachable" and the like would be told wrongly.
    if (!absl::IsNotFound(status)) code = absl::StatusCode::kInvalidArgument;
  }
  if (session.arguments().json) {
    session.Write(ReportsToJson(reports).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
                  "\n");
  } else {
    for (const InspectReport& report : reports) {
      if (report.status.ok()) session.Write(RenderReport(report));
    }
  }
  if (refusals.empty()) return absl::OkStatus();
  return absl::Status(code, absl::StrJoin(refusals, "; "));
}

absl::Status RunCompletion(Session& session) {
  session.Write(CompletionScript(session.arguments().shell));
  return absl::OkStatus();
}

constexpr CliCommand kCommands[] = {
    {"models", RunModels, Access::kRead, /*public_listener=*/true, /*registry_file=*/true},
    {"versions", RunVersions, Access::kRead, /*public_listener=*/true, /*registry_file=*/true},
    {"history", RunHistory, Access::kRead, /*public_listener=*/false, /*registry_file=*/true},
    {"watch", RunWatch, Access::kRead, /*public_listener=*/false, /*registry_file=*/false, /*patient=*/true},
    {"diff", RunDiff, Access::kRead, /*public_listener=*/false, /*registry_file=*/true},
    {"plans", RunPlans, Access::kRead, /*public_listener=*/false, /*registry_file=*/true, /*patient=*/true},
    {"probe", RunProbe, Access::kRead, /*public_listener=*/false, /*registry_file=*/true},
    {"status", RunStatus, Access::kRead, /*public_listener=*/false, /*registry_file=*/true},
    {"rollback", RunRollback, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"promote", RunPromote, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"pin", RunPin, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"unpin", RunUnpin, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"retire", RunRetire, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"label", RunLabel, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"canary", RunCanary, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"shadow", RunShadow, Access::kChange, /*public_listener=*/false, /*registry_file=*/true},
    {"push", RunPush, Access::kRead, /*public_listener=*/false, /*registry_file=*/false, /*patient=*/true},
    {"wait", RunWait, Access::kRead, /*public_listener=*/false, /*registry_file=*/false, /*patient=*/true},
    {"gc", RunGc, Access::kChange, /*public_listener=*/false, /*registry_file=*/true, /*patient=*/true},
    {"verify", RunVerify, Access::kChange, /*public_listener=*/false, /*registry_file=*/true,
     /*patient=*/true},
    {"backup", RunBackup, Access::kRead, /*public_listener=*/false, /*registry_file=*/true,
     /*patient=*/true},
    {"restore", RunRestore, Access::kRead, /*public_listener=*/true, /*registry_file=*/true,
     /*patient=*/true},
    {"predict", RunPredict, Access::kRead, /*public_listener=*/true, /*registry_file=*/false},
    {"stamp", RunStamp, Access::kRead, /*public_listener=*/true, /*registry_file=*/true,
     /*patient=*/false},
    {"rescan", RunRescan, Access::kRead, /*public_listener=*/false, /*registry_file=*/false},
    {"inspect", RunInspect, Access::kRead, /*public_listener=*/true, /*registry_file=*/true},
    {"completion", RunCompletion, Access::kRead, /*public_listener=*/true, /*registry_file=*/true},
};

}  // namespace

const CliCommand* FindCommand(const std::string& name) {
  const auto found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                  [&](const CliCommand& command) { return command.name == name; });
  return found == std::end(kCommands) ? nullptr : &*found;
}

}  // namespace modeld
