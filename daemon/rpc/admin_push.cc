// AdminServiceImpl: uploads.
#include "absl/strings/str_cat.h"
#include "daemon/rpc/admin_service.h"
#include "daemon/rpc/requests.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/source/upload_path.h"
#include "registry/archive_reader.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr size_t kMaxChunkBytes = 1 << 20;

absl::Status CheckHeader(const v1::PushHeader& header) {
  MODELD_RETURN_IF_ERROR(CheckUploadPath(header.path()));
  MODELD_RETURN_IF_ERROR(CheckRemarks("", header.actor()));
  constexpr size_t kMaxConfigBytes = ArchiveLimits().max_config_bytes;
  if (header.sidecar_config().size() <= kMaxConfigBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("sidecar_config has ", header.sidecar_config().size(),
                                                 " bytes; at most ", kMaxConfigBytes, " are allowed"));
}

// Writes what comes until the caller has sent all.
absl::Status Receive(grpc::ServerContext& context, grpc::ServerReader<v1::PushRequest>& reader,
                     Upload& upload) {
  v1::PushRequest request;
  while (reader.Read(&request)) {
    if (request.part_case() != v1::PushRequest::kData) {
      return absl::InvalidArgumentError("after the header only `data` may follow");
    }
    if (request.data().size() > kMaxChunkBytes) {
      return absl::InvalidArgumentError(absl::StrCat("a chunk has ", request.data().size(),
                                                     " bytes; at most ", kMaxChunkBytes, " are allowed"));
    }
    MODELD_RETURN_IF_ERROR(upload.Append(request.data()));
  }
  // The stream ends in the same way where the caller has gone.
  if (context.IsCancelled()) return absl::CancelledError("the call was broken off; push again to go on");
  return upload.Finish();
}

}  // namespace

grpc::Status AdminServiceImpl::GetUpload(grpc::ServerContext*, const v1::GetUploadRequest* request,
                                         v1::GetUploadResponse* response) {
  const absl::StatusOr<int64_t> received = uploads_->ReceivedBytes(request->sha256());
  if (!received.ok()) return ToGrpcStatus(received.status());
  response->set_received_bytes(*received);
  return grpc::Status::OK;
}

grpc::Status AdminServiceImpl::Push(grpc::ServerContext* context, grpc::ServerReader<v1::PushRequest>* reader,
                                    v1::PushResponse* response) {
  v1::PushRequest first;
  if (!reader->Read(&first) || !first.has_header()) {
    return ToGrpcStatus(absl::InvalidArgumentError("the first message must be the header"));
  }
  const v1::PushHeader& header = first.header();
  if (absl::Status valid = CheckHeader(header); !valid.ok()) return ToGrpcStatus(valid);
  const absl::StatusOr<std::unique_ptr<Upload>> upload =
      uploads_->Begin(header.sha256(), header.size_bytes(), header.offset());
  if (!upload.ok()) return ToGrpcStatus(upload.status());
  if (absl::Status received = Receive(*context, *reader, **upload); !received.ok()) {
    return ToGrpcStatus(received);
  }
  const absl::StatusOr<PushedVersion> pushed =
      push_taker_->Take(**upload, {.path = header.path(),
                                   .sidecar_config = header.sidecar_config(),
                                   .actor = ActorOf(*context, header.actor())});
  if (!pushed.ok()) return ToGrpcStatus(pushed.status());
  response->set_model(pushed->model);
  response->set_version(pushed->version);
  response->set_already_registered(pushed->already_registered);
  return grpc::Status::OK;
}

}  // namespace modeld
