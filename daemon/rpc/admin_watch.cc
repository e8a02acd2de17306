// AdminServiceImpl: looking at one version, and waiting for what happens.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/codec/utf8.h"
#include "daemon/lifecycle/version_names.h"
#include "daemon/rpc/admin_service.h"
#include "daemon/rpc/requests.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/rpc/view_codec.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr absl::Duration kLongestWait = absl::Hours(1);
// How often a wait looks whether its caller is still there, and at the dropped files.
constexpr absl::Duration kWaitSlice = absl::Milliseconds(250);

v1::VersionFate WireFate(VersionFate fate) {
  switch (fate) {
    case VersionFate::kLive:
      return v1::VERSION_FATE_LIVE;
    case VersionFate::kRefused:
      return v1::VERSION_FATE_REFUSED;
    case VersionFate::kKept:
      return v1::VERSION_FATE_READY;
  }
  return v1::VERSION_FATE_UNSPECIFIED;
}

void ToWire(const FateReport& report, v1::WaitVersionResponse* response) {
  response->set_fate(WireFate(report.fate));
  response->set_reason(ToUtf8(report.reason));
  ToWire(report.version, response->mutable_version());
}

// The dropped file that says it is this version, and was refused; null: there is none.
const DroppedFileView* FindRefused(const std::vector<DroppedFileView>& files, const std::string& model,
                                   const std::string& version) {
  const auto found = std::find_if(files.begin(), files.end(), [&](const DroppedFileView& file) {
    return file.state == DroppedState::kQuarantined && file.model == model && file.version == version;
  });
  return found == files.end() ? nullptr : &*found;
}

struct FoundVersion {
  ModelView model;
  VersionView version;
};

absl::Status CheckNamed(const std::string& model, const std::string& version) {
  if (absl::Status named = RequireModel(model); !named.ok()) return named;
  return RequireVersion(version);
}

absl::StatusOr<FoundVersion> FindVersion(const Manager& manager, const std::string& name,
                                         const std::string& version) {
  MODELD_RETURN_IF_ERROR(CheckNamed(name, version));
  MODELD_ASSIGN_OR_RETURN(ModelView model, manager.GetModel(name));
  std::vector<std::string> known;
  for (const VersionView& candidate : model.versions) {
    if (candidate.record.version == version) return FoundVersion{model, candidate};
    known.push_back(candidate.record.version);
  }
  return absl::NotFoundError(absl::StrCat("model ", Quote(name), " has no version ", Quote(version),
                                          "; registered: ", ListVersions(known)));
}

}  // namespace

grpc::Status AdminServiceImpl::GetVersion(grpc::ServerContext*, const v1::GetVersionRequest* request,
                                          v1::GetVersionResponse* response) {
  const absl::StatusOr<FoundVersion> found = FindVersion(*manager_, request->model(), request->version());
  if (!found.ok()) return ToGrpcStatus(found.status());
  const absl::StatusOr<std::string> config = registry_->ConfigOf(request->model(), request->version());
  if (!config.ok()) return ToGrpcStatus(config.status());
  absl::StatusOr<std::optional<v1::ProbeReport>> probe =
      registry_->ProbeOf(request->model(), request->version());
  if (!probe.ok()) return ToGrpcStatus(probe.status());

  response->set_model(found->model.name);
  ToWire(found->version, response->mutable_version());
  response->set_config_json(ToUtf8(*config));
  if (probe->has_value()) *response->mutable_probe() = **std::move(probe);
  response->set_live(found->model.live == request->version());
  return grpc::Status::OK;
}

grpc::Status AdminServiceImpl::RetunePlans(grpc::ServerContext* context,
                                           const v1::RetunePlansRequest* request, v1::RetunePlansResponse*) {
  const absl::StatusOr<FoundVersion> found = FindVersion(*manager_, request->model(), request->version());
  if (!found.ok()) return ToGrpcStatus(found.status());
  if (tuner_ == nullptr) {
    return ToGrpcStatus(absl::UnimplementedError(
        "this daemon runs versions as they were saved; start it with --try-plans=true and --probe=true"));
  }
  return ToGrpcStatus(tuner_->Retune(found->version.record, TimeoutOf(*context, kLongestWait)));
}

grpc::Status AdminServiceImpl::WaitVersion(grpc::ServerContext* context,
                                           const v1::WaitVersionRequest* request,
                                           v1::WaitVersionResponse* response) {
  if (absl::Status named = CheckNamed(request->model(), request->version()); !named.ok()) {
    return ToGrpcStatus(named);
  }
  const absl::Time begun = absl::Now();
  while (!context->IsCancelled()) {
    // Against `begun`, for callers without a deadline.
    const absl::Duration left =
        std::min(TimeoutOf(*context, kLongestWait), begun + kLongestWait - absl::Now());
    const absl::StatusOr<FateReport> report =
        manager_->WaitVersion(request->model(), request->version(), std::min(left, kWaitSlice));
    if (report.ok()) {
      ToWire(*report, response);
      return grpc::Status::OK;
    }
    if (absl::IsNotFound(report.status())) {
      const std::vector<DroppedFileView> files = intake_->dropped_files();
      if (const DroppedFileView* refused = FindRefused(files, request->model(), request->version())) {
        response->set_fate(v1::VERSION_FATE_REFUSED);
        response->set_reason(ToUtf8(absl::StrCat("file \"", refused->path, "\": ", refused->reason)));
        response->mutable_version()->set_version(request->version());
        return grpc::Status::OK;
      }
    } else if (!absl::IsDeadlineExceeded(report.status())) {
      return ToGrpcStatus(report.status());
    }
    if (left <= kWaitSlice) return ToGrpcStatus(absl::DeadlineExceededError(report.status().message()));
  }
  return grpc::Status::CANCELLED;
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* AdminServiceImpl::WatchEvents(
    grpc::CallbackServerContext*, const v1::WatchEventsRequest* request) {
  return watches_.Watch(*request);
}

}  // namespace modeld
