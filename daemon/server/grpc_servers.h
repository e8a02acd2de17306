// The two gRPC servers: one for clients, on TCP; one for modelctl, on a Unix socket.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/server/open_streams.h"

namespace modeld {

// Health checking for the servers made from now on, and the log lines of gRPC and Protobuf among ours. Call
// once, before.
void ConfigureGrpc();

// What both servers have in common.
struct GrpcServerOptions {
  int64_t max_message_bytes = 64ll << 20;  // of a request
  bool reflection = true;
  OpenStreams* streams = nullptr;  // that follows their streams; outlives the servers
};

struct PublicServer {
  std::unique_ptr<grpc::Server> server;
  std::vector<std::string> addresses;  // as bound: ports that were 0 are filled in
};

// UNAVAILABLE, naming the address, if one cannot be listened on. `service` outlives the server.
absl::StatusOr<PublicServer> StartPublicServer(const std::vector<std::string>& addresses,
                                               const GrpcServerOptions& options, grpc::Service* service);

// Listens on the Unix socket `path`, which nobody but this user may use (mode 0600). The socket of a daemon
// that was killed is replaced. FAILED_PRECONDITION: somebody listens there, or `path` is something else than
// a socket; NOT_FOUND: its directory does not exist. `services` outlive the server. REQUIRES: umask 0077.
absl::StatusOr<std::unique_ptr<grpc::Server>> StartAdminServer(const std::string& path,
                                                               const GrpcServerOptions& options,
                                                               const std::vector<grpc::Service*>& services);

}  // namespace modeld
