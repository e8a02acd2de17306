// OpenStreams: ends the calls that only their clients end.
//
// Watch of grpc.health.v1 and reflection are streams that last as long as a client likes. A shutdown of gRPC
// waits for every call, so one idle client that watches would make each stop take the whole grace.
#pragma once

#include <grpc/grpc.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe. Outlives the servers whose streams it follows.
class OpenStreams {
 public:
  OpenStreams() = default;
  OpenStreams(const OpenStreams&) = delete;
  OpenStreams& operator=(const OpenStreams&) = delete;

  // Follows the streaming calls of the server that is built with it, but for those of requests, which end by
  // themselves; unary ones are
  // left alone.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> NewFactory();
  // Cancels the streams that are open, and from now on each one that begins.
  void Cancel();

 private:
  class Follower;
  class Factory;
  void Add(grpc_call* call);
  void Remove(grpc_call* call);

  Mutex mutex_;
  std::set<grpc_call*> calls_ ABSL_GUARDED_BY(mutex_);  // a reference to each is held
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
