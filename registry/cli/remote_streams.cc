// RemoteBackend's calls that are streams.
#include "absl/time/clock.h"
#include "registry/base/status_macros.h"
#include "registry/cli/remote.h"

namespace modeld {
namespace {

// Below what any daemon's limit of messages allows.
constexpr size_t kChunkBytes = 256 << 10;

}  // namespace

absl::Status RemoteBackend::WatchEvents(const v1::WatchEventsRequest& request,
                                        const std::function<absl::Status(const v1::Event&)>& on_event) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline_));
  const auto reader = admin_->WatchEvents(&context, request);
  v1::WatchEventsResponse response;
  while (reader->Read(&response)) {
    if (const absl::Status taken = on_event(response.event()); !taken.ok()) {
      context.TryCancel();
      reader->Finish();
      return taken;
    }
  }
  const grpc::Status status = reader->Finish();
  if (status.ok()) return absl::OkStatus();
  // By nobody here, so by the daemon.
  if (status.error_code() == grpc::StatusCode::CANCELLED) {
    return absl::UnavailableError("the daemon is shutting down");
  }
  return Explain(status);
}

absl::StatusOr<v1::PushResponse> RemoteBackend::Push(const v1::PushHeader& header, const ChunkSource& next) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline_));
  v1::PushResponse response;
  const auto writer = admin_->Push(&context, &response);
  v1::PushRequest request;
  *request.mutable_header() = header;
  // Where the daemon has ended the call, its status says why.
  bool open = writer->Write(request);
  while (open) {
    absl::StatusOr<std::string> chunk = next(kChunkBytes);
    if (!chunk.ok()) {
      context.TryCancel();
      writer->Finish();
      return chunk.status();
    }
    if (chunk->empty()) break;
    request.set_data(*std::move(chunk));
    open = writer->Write(request);
  }
  if (open) writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return Explain(status);
  return response;
}

bool RemoteBackend::Reconnect(absl::Duration timeout) {
  return channel_->WaitForConnected(absl::ToChronoTime(std::min(deadline_, absl::Now() + timeout)));
}

}  // namespace modeld
