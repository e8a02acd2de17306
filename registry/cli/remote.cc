#include "registry/cli/remote.h"

#include <errno.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/base/unique_fd.h"

namespace modeld {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";
constexpr int kMaxPageSize = 1000;
constexpr absl::string_view kNoAnswer = "Deadline Exceeded";  // gRPC's message where it gave up by itself

std::shared_ptr<grpc::Channel> NewChannel(const std::string& target) {
  // gRPC reports on standard error what the returned Status says anyway.
  gpr_set_log_function([](gpr_log_func_args*) {});
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // the daemon has its limit
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

// The error of a connection to a Unix socket; 0 where somebody listens.
int ConnectError(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return 0;
  return errno == EAGAIN ? 0 : errno;
}

std::string Remedy(int error) {
  if (error == EACCES || error == EPERM)
    return "only the daemon's own user and root may open it; try with sudo";
  return "is modeld running? Its socket is named by --socket or MODELD_SOCKET; --db works on the registry "
         "file "
         "without it";
}

}  // namespace

RemoteBackend::RemoteBackend(std::string target, absl::Duration timeout)
    : target_(std::move(target)),
      deadline_(absl::Now() + timeout),
      channel_(NewChannel(target_)),
      models_(v1::ModelService::NewStub(channel_)),
      admin_(v1::AdminService::NewStub(channel_)) {}

absl::Status RemoteBackend::Explain(const grpc::Status& status) const {
  const absl::Status converted(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  if (absl::IsDeadlineExceeded(converted)) {
    const std::string what = status.error_message() == kNoAnswer
                                 ? absl::StrCat(target_, " did not answer in time")
                                 : status.error_message();  // the daemon's own words
    return absl::DeadlineExceededError(absl::StrCat(what, "; allow more with --timeout"));
  }
  if (!absl::IsUnavailable(converted)) return converted;
  if (absl::StartsWith(target_, kUnixPrefix)) {
    const std::string path = target_.substr(kUnixPrefix.size());
    const int error = ConnectError(path);
    if (error == 0) return converted;  // the daemon's own words
    return absl::UnavailableError(
        absl::StrCat("no daemon answers at ", Quote(path), " (", std::strerror(error), "); ", Remedy(error)));
  }
  return absl::UnavailableError(absl::StrCat(target_, ": ", status.error_message()));
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> RemoteBackend::Call(Stub& stub,
                                             grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                          const Request&, Response*),
                                             const Request& request) const {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline_));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return Explain(status);
  return response;
}

absl::StatusOr<v1::ListModelsResponse> RemoteBackend::ListModels() {
  v1::ListModelsRequest request;
  v1::ListModelsResponse all;
  do {
    MODELD_ASSIGN_OR_RETURN(v1::ListModelsResponse page,
                            Call(*models_, &v1::ModelService::Stub::ListModels, request));
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListEventsResponse> RemoteBackend::ListEvents(const std::string& model, int limit) {
  v1::ListEventsRequest request;
  request.set_model(model);
  v1::ListEventsResponse all;
  do {
    request.set_page_size(std::min(limit - all.events_size(), kMaxPageSize));
    MODELD_ASSIGN_OR_RETURN(v1::ListEventsResponse page,
                            Call(*admin_, &v1::AdminService::Stub::ListEvents, request));
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
  } while (!request.page_token().empty() && all.events_size() < limit);
  return all;
}

absl::StatusOr<v1::GetModelResponse> RemoteBackend::GetModel(const std::string& model) {
  v1::GetModelRequest request;
  request.set_model(model);
  return Call(*models_, &v1::ModelService::Stub::GetModel, request);
}

absl::StatusOr<v1::PredictResponse> RemoteBackend::Predict(const v1::PredictRequest& request) {
  return Call(*models_, &v1::ModelService::Stub::Predict, request);
}

absl::StatusOr<v1::RollbackResponse> RemoteBackend::Rollback(const v1::RollbackRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::Rollback, request);
}

absl::StatusOr<v1::PromoteResponse> RemoteBackend::Promote(const v1::PromoteRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::Promote, request);
}

absl::StatusOr<v1::PinResponse> RemoteBackend::Pin(const v1::PinRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::Pin, request);
}

absl::StatusOr<v1::UnpinResponse> RemoteBackend::Unpin(const v1::UnpinRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::Unpin, request);
}

absl::StatusOr<v1::RetireResponse> RemoteBackend::Retire(const v1::RetireRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::Retire, request);
}

absl::StatusOr<v1::SetLabelResponse> RemoteBackend::SetLabel(const v1::SetLabelRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::SetLabel, request);
}

absl::StatusOr<v1::SetCanaryResponse> RemoteBackend::SetCanary(const v1::SetCanaryRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::SetCanary, request);
}

absl::StatusOr<v1::SetShadowResponse> RemoteBackend::SetShadow(const v1::SetShadowRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::SetShadow, request);
}

absl::StatusOr<v1::GetVersionResponse> RemoteBackend::GetVersion(const std::string& model,
                                                                 const std::string& version) {
  v1::GetVersionRequest request;
  request.set_model(model);
  request.set_version(version);
  return Call(*admin_, &v1::AdminService::Stub::GetVersion, request);
}

absl::StatusOr<v1::WaitVersionResponse> RemoteBackend::WaitVersion(const v1::WaitVersionRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::WaitVersion, request);
}

absl::Status RemoteBackend::RetunePlans(const std::string& model, const std::string& version) {
  v1::RetunePlansRequest request;
  request.set_model(model);
  request.set_version(version);
  return Call(*admin_, &v1::AdminService::Stub::RetunePlans, request).status();
}

absl::StatusOr<v1::GetUploadResponse> RemoteBackend::GetUpload(const std::string& sha256) {
  v1::GetUploadRequest request;
  request.set_sha256(sha256);
  return Call(*admin_, &v1::AdminService::Stub::GetUpload, request);
}

absl::StatusOr<v1::CollectGarbageResponse> RemoteBackend::CollectGarbage(
    const v1::CollectGarbageRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::CollectGarbage, request);
}

absl::StatusOr<v1::VerifyStoreResponse> RemoteBackend::VerifyStore(const v1::VerifyStoreRequest& request) {
  return Call(*admin_, &v1::AdminService::Stub::VerifyStore, request);
}

absl::Status RemoteBackend::Backup(const v1::BackupRequest& request, const TakeBackupFn& take) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline_));
  const std::unique_ptr<grpc::ClientReader<v1::BackupResponse>> reader = admin_->Backup(&context, request);
  v1::BackupResponse part;
  absl::Status taken;
  while (taken.ok() && reader->Read(&part)) taken = take(part);
  if (!taken.ok()) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!taken.ok()) return taken;
  return status.ok() ? absl::OkStatus() : Explain(status);
}

absl::StatusOr<v1::RescanResponse> RemoteBackend::Rescan() {
  return Call(*admin_, &v1::AdminService::Stub::Rescan, v1::RescanRequest());
}

absl::StatusOr<v1::GetStatusResponse> RemoteBackend::GetStatus() {
  return Call(*admin_, &v1::AdminService::Stub::GetStatus, v1::GetStatusRequest());
}

}  // namespace modeld
