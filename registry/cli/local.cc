#include "registry/cli/local.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/closest_match.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/records_to_proto.h"
#include "registry/live_state.h"
#include "registry/model_config.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

std::string Named(const std::string& model, const std::string& version) {
  return absl::StrCat("version ", Quote(version), " of model ", Quote(model));
}

UsableFn UsableIn(const ModelRecord& model) {
  return [&model](std::string_view version) { return IsUsable(model, version); };
}

std::string HighestUsable(const ModelRecord& model) {
  const auto highest =
      std::find_if(model.versions.rbegin(), model.versions.rend(),
                   [](const VersionRecord& version) { return version.disposition == Disposition::kGood; });
  return highest == model.versions.rend() ? "" : highest->version;
}

absl::Status NeedsDaemon(const char* what) {
  return absl::UnimplementedError(absl::StrCat(what, " needs the daemon; leave out --db"));
}

}  // namespace

LocalBackend::LocalBackend(std::string directory, FileLock lock, std::unique_ptr<Registry> registry,
                           const Clock* clock)
    : directory_(std::move(directory)),
      lock_(std::move(lock)),
      registry_(std::move(registry)),
      clock_(clock) {}

absl::StatusOr<std::unique_ptr<LocalBackend>> LocalBackend::Open(const std::string& path, Registry::Mode mode,
                                                                 const Clock* clock) {
  MODELD_RETURN_IF_ERROR(FileSystem::Real()->Stat(path).status());
  const std::string directory = std::filesystem::absolute(path).parent_path().string();
  absl::StatusOr<FileLock> lock = FileLock::Acquire(directory + "/lock");
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the daemon holds the registry: ", lock.status().message(), "; leave out --db to ask it"));
  }
  if (!lock.ok()) return lock.status();
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<Registry> registry, Registry::Open(path, mode));
  return std::unique_ptr<LocalBackend>(
      new LocalBackend(directory, *std::move(lock), std::move(registry), clock));
}

absl::StatusOr<ModelRecord> LocalBackend::FindModel(const std::string& name) {
  MODELD_ASSIGN_OR_RETURN(std::vector<ModelRecord> models, registry_->ListModels());
  std::vector<std::string> names;
  for (ModelRecord& model : models) {
    if (model.name == name) return std::move(model);
    names.push_back(model.name);
  }
  return absl::NotFoundError(absl::StrCat("no model ", Quote(name), DidYouMean(name, names)));
}

absl::StatusOr<const VersionRecord*> LocalBackend::FindVersion(const ModelRecord& model,
                                                               const std::string& version) {
  std::vector<std::string> known;
  for (auto record = model.versions.rbegin(); record != model.versions.rend(); ++record) {
    if (record->version == version) return &*record;
    known.push_back(record->version);
  }
  return absl::NotFoundError(absl::StrCat("model ", Quote(model.name), " has no version ", Quote(version),
                                          "; registered: ", absl::StrJoin(known, ", ")));
}

EventRecord LocalBackend::NewEvent(const char* action, const std::string& model, const std::string& version,
                                   const std::string& actor, const std::string& reason) const {
  return {.id = 0,
          .time = clock_->Now(),
          .actor = actor,
          .action = action,
          .model = model,
          .version = version,
          .from_version = "",
          .to_version = "",
          .reason = reason,
          .evidence = ""};
}

absl::StatusOr<v1::LiveChange> LocalBackend::Commit(const ModelRecord& model, const LiveState& next,
                                                    EventRecord event) {
  event.from_version = LiveVersion(model.live);
  event.to_version = LiveVersion(next);
  MODELD_RETURN_IF_ERROR(registry_->SetLiveState(model.name, next, event));
  v1::LiveChange change;
  change.set_model(model.name);
  change.set_from_version(event.from_version);
  change.set_to_version(event.to_version);
  change.set_pinned_version(next.pinned);
  return change;
}

// --- Views ---

absl::StatusOr<v1::ListModelsResponse> LocalBackend::ListModels() {
  MODELD_ASSIGN_OR_RETURN(const std::vector<ModelRecord> models, registry_->ListModels());
  MODELD_ASSIGN_OR_RETURN(const std::vector<FileRecord> files, registry_->ListFiles());
  v1::ListModelsResponse response;
  for (const ModelRecord& model : models) *response.add_models() = ModelToProto(model);
  for (const FileRecord& file : files) {
    if (file.outcome == FileOutcome::kQuarantined) *response.add_dropped_files() = FileToProto(file);
  }
  return response;
}

absl::StatusOr<v1::GetModelResponse> LocalBackend::GetModel(const std::string& name) {
  MODELD_ASSIGN_OR_RETURN(const ModelRecord model, FindModel(name));
  MODELD_ASSIGN_OR_RETURN(const std::vector<FileRecord> files, registry_->ListFiles());
  v1::GetModelResponse response;
  *response.mutable_model() = ModelToProto(model);
  if (const std::string live = response.model().live_version(); !live.empty()) {
    MODELD_ASSIGN_OR_RETURN(const std::string config, registry_->ConfigOf(name, live));
    MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(config));
    *response.mutable_config() = parsed.config;
  }
  for (const FileRecord& file : files) {
    if (file.outcome != FileOutcome::kQuarantined || file.model != name) continue;
    *response.add_dropped_files() = FileToProto(file);
  }
  return response;
}

absl::StatusOr<v1::ListEventsResponse> LocalBackend::ListEvents(const std::string& model, int limit) {
  EventQuery query;
  query.model = model;
  query.limit = limit;
  MODELD_ASSIGN_OR_RETURN(const std::vector<EventRecord> events, registry_->ListEvents(query));
  v1::ListEventsResponse response;
  for (const EventRecord& event : events) *response.add_events() = EventToProto(event);
  return response;
}

absl::StatusOr<v1::GetStatusResponse> LocalBackend::GetStatus() {
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse models, ListModels());
  v1::GetStatusResponse response;
  response.set_state_directory(directory_);
  response.set_models(models.models_size());
  for (const v1::Model& model : models.models()) {
    response.set_versions(response.versions() + model.versions_size());
    const auto quarantined = std::count_if(
        model.versions().begin(), model.versions().end(),
        [](const v1::Version& version) { return version.state() == v1::VERSION_STATE_QUARANTINED; });
    response.set_quarantined_versions(response.quarantined_versions() + static_cast<int>(quarantined));
  }
  response.set_dropped_files(models.dropped_files_size());
  return response;
}

absl::StatusOr<v1::PredictResponse> LocalBackend::Predict(const v1::PredictRequest&) {
  return NeedsDaemon("predict");
}

absl::StatusOr<v1::RescanResponse> LocalBackend::Rescan() { return NeedsDaemon("rescan"); }

absl::Status LocalBackend::RetunePlans(const std::string&, const std::string&) {
  return NeedsDaemon("plans --retune");
}

absl::StatusOr<v1::WaitVersionResponse> LocalBackend::WaitVersion(const v1::WaitVersionRequest&) {
  return NeedsDaemon("wait");
}

absl::Status LocalBackend::WatchEvents(const v1::WatchEventsRequest&,
                                       const std::function<absl::Status(const v1::Event&)>&) {
  return NeedsDaemon("watch");
}

absl::StatusOr<v1::GetUploadResponse> LocalBackend::GetUpload(const std::string&) {
  return NeedsDaemon("push");
}

absl::StatusOr<v1::PushResponse> LocalBackend::Push(const v1::PushHeader&, const ChunkSource&) {
  return NeedsDaemon("push");
}

bool LocalBackend::Reconnect(absl::Duration) { return false; }

// --- Changes ---

absl::StatusOr<v1::RollbackResponse> LocalBackend::Rollback(const v1::RollbackRequest& request) {
  MODELD_ASSIGN_OR_RETURN(const ModelRecord model, FindModel(request.model()));
  if (!request.to_version().empty()) {
    MODELD_RETURN_IF_ERROR(FindVersion(model, request.to_version()).status());
  }
  const absl::StatusOr<LiveState> next =
      modeld::Rollback(model.live, request.to_version(), request.reason(), UsableIn(model));
  if (!next.ok()) {
    return absl::Status(next.status().code(),
                        absl::StrCat("model ", Quote(model.name), ": ", next.status().message()));
  }
  v1::RollbackResponse response;
  MODELD_ASSIGN_OR_RETURN(*response.mutable_change(),
                          Commit(model, *next,
                                 NewEvent(action::kRollback, model.name, std::string(LiveVersion(*next)),
                                          request.actor(), request.reason())));
  return response;
}

absl::StatusOr<v1::LiveChange> LocalBackend::MakeLive(const char* action, bool pin, const std::string& name,
                                                      std::string version, const std::string& actor,
                                                      const std::string& reason) {
  MODELD_ASSIGN_OR_RETURN(ModelRecord model, FindModel(name));
  if (version.empty()) version = LiveVersion(model.live);
  if (version.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", Quote(name), " has no live version; name the version"));
  }
  MODELD_ASSIGN_OR_RETURN(const VersionRecord* const record, FindVersion(model, version));
  if (record->disposition == Disposition::kQuarantined) {
    return absl::FailedPreconditionError(absl::StrCat(
        Named(name, version), " is quarantined (", record->reason,
        "); only the daemon can try it again: start it, then: modelctl promote ", name, " ", version));
  }
  if (IsCollected(*record)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Named(name, version),
                     " was collected, and its artifact removed; only the daemon can bring it "
                     "back: start it and drop the file again"));
  }
  if (record->disposition == Disposition::kRetired) {
    MODELD_RETURN_IF_ERROR(registry_->SetDisposition(
        name, version, Disposition::kGood, "", NewEvent(action::kReinstated, name, version, actor, reason)));
    MODELD_ASSIGN_OR_RETURN(model, FindModel(name));
  }
  return Commit(model, modeld::Promote(model.live, version, pin, HighestUsable(model), reason),
                NewEvent(action, name, version, actor, reason));
}

absl::StatusOr<v1::PromoteResponse> LocalBackend::Promote(const v1::PromoteRequest& request) {
  v1::PromoteResponse response;
  MODELD_ASSIGN_OR_RETURN(*response.mutable_change(),
                          MakeLive(action::kPromote, /*pin=*/false, request.model(), request.version(),
                                   request.actor(), request.reason()));
  return response;
}

absl::StatusOr<v1::PinResponse> LocalBackend::Pin(const v1::PinRequest& request) {
  v1::PinResponse response;
  MODELD_ASSIGN_OR_RETURN(*response.mutable_change(),
                          MakeLive(action::kPin, /*pin=*/true, request.model(), request.version(),
                                   request.actor(), request.reason()));
  return response;
}

absl::StatusOr<v1::UnpinResponse> LocalBackend::Unpin(const v1::UnpinRequest& request) {
  MODELD_ASSIGN_OR_RETURN(const ModelRecord model, FindModel(request.model()));
  v1::UnpinResponse response;
  if (model.live.pinned.empty()) {
    response.mutable_change()->set_model(model.name);
    response.mutable_change()->set_from_version(std::string(LiveVersion(model.live)));
    response.mutable_change()->set_to_version(std::string(LiveVersion(model.live)));
    return response;
  }
  MODELD_ASSIGN_OR_RETURN(
      *response.mutable_change(),
      Commit(model, modeld::Unpin(model.live),
             NewEvent(action::kUnpin, model.name, model.live.pinned, request.actor(), request.reason())));
  return response;
}

absl::StatusOr<v1::RetireResponse> LocalBackend::Retire(const v1::RetireRequest& request) {
  MODELD_ASSIGN_OR_RETURN(const ModelRecord model, FindModel(request.model()));
  MODELD_ASSIGN_OR_RETURN(const VersionRecord* const version, FindVersion(model, request.version()));
  const std::string named = Named(model.name, version->version);
  if (version->disposition == Disposition::kRetired) return v1::RetireResponse();
  if (LiveVersion(model.live) == version->version && version->disposition == Disposition::kGood) {
    return absl::FailedPreconditionError(
        absl::StrCat(named, " is live; make another one live first, with modelctl promote or rollback"));
  }
  if (model.live.pinned == version->version) {
    return absl::FailedPreconditionError(
        absl::StrCat(named, " is pinned; let it go first with: modelctl unpin ", model.name));
  }
  MODELD_RETURN_IF_ERROR(registry_->SetDisposition(
      model.name, version->version, Disposition::kRetired, request.reason(),
      NewEvent(action::kRetire, model.name, version->version, request.actor(), request.reason())));
  return v1::RetireResponse();
}

}  // namespace modeld
