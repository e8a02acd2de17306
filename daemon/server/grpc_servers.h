// The two gRPC servers: one for clients, on TCP; one for modelctl, behind a Unix socket.
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
  int64_t max_received_bytes = 1ll << 30;  // of a server's requests that are not read to their end
  bool reflection = true;
  OpenStreams* streams = nullptr;  // that follows their streams; outlives the servers
};

struct PublicServer {
  std::unique_ptr<grpc::Server> server;
  std::vector<std::string> addresses;  // as bound: ports that were 0 are filled in
};

// UNAVAILABLE, naming the address, if one cannot be listened on. `services` outlive the server.
absl::StatusOr<PublicServer> StartPublicServer(const std::vector<std::string>& addresses,
                                               const GrpcServerOptions& options,
                                               const std::vector<grpc::Service*>& services);

// Without a listener: AdminListener hands it its connections. `services` outlive the server.
absl::StatusOr<std::unique_ptr<grpc::Server>> StartAdminServer(const GrpcServerOptions& options,
                                                               const std::vector<grpc::Service*>& services);

}  // namespace modeld
