#include "daemon/rpc/view_thread.h"

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/predict/catch_bad_alloc.h"
#include "daemon/rpc/status_convert.h"

namespace modeld {

grpc::ServerUnaryReactor* ViewThread::Answer(grpc::CallbackServerContext* context,
                                             std::function<absl::Status()> fill) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (++calls_ > kMostCalls) {
    --calls_;
    reactor->Finish(ToGrpcStatus(absl::ResourceExhaustedError(
        absl::StrCat(kMostCalls, " calls of this kind wait already; call again, later"))));
    return reactor;
  }
  thread_.Post([this, context, reactor, fill = std::move(fill)] {
    const absl::Status status = context->IsCancelled() ? absl::CancelledError("the caller has gone")
                                                       : absl::Status(CatchBadAlloc(fill));
    --calls_;
    reactor->Finish(ToGrpcStatus(status));
  });
  return reactor;
}

}  // namespace modeld
