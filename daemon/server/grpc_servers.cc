#include "daemon/server/grpc_servers.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/server/listen_address.h"
#include "registry/base/log.h"

namespace modeld {
namespace {

void LogOfGrpc(gpr_log_func_args* args) {
  // What gRPC calls an error is often one peer's broken connection; what matters reaches us as a status.
  const LogLevel level = args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  Log(level, "grpc", {{"at", absl::StrCat(args->file, ":", args->line)}, {"detail", args->message}});
}

void LogOfProtobuf(google::protobuf::LogLevel level, const char* file, int line, const std::string& message) {
  Log(level >= google::protobuf::LOGLEVEL_ERROR ? LogLevel::kWarning : LogLevel::kDebug, "protobuf",
      {{"at", absl::StrCat(file, ":", line)}, {"detail", message}});
}

// Takes reflection out of one server: linking its library puts it into every one.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const std::unique_ptr<grpc::ServerBuilderPlugin>& plugin) {
      return plugin->name() == "proto_server_reflection";
    });
  }
};

void SetCommon(grpc::ServerBuilder& builder, const GrpcServerOptions& options) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(options.streams->NewFactory());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  // Peers that have gone without a word are found, and one connection does not take all memory by its calls.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 4096);
  // Nor do all of them together: peers send more slowly where much is held, and beyond it calls are refused.
  builder.SetResourceQuota(grpc::ResourceQuota().Resize(static_cast<size_t>(options.max_received_bytes)));
  // Otherwise a second daemon could share the port, and each would get some of the requests.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

void ConfigureGrpc() {
  // Debian builds abseil with its assertions, which makes every lock that gRPC takes look for cycles in a
  // graph that all threads share: a tenth of a light request's time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  ::gpr_set_log_function(LogOfGrpc);
  google::protobuf::SetLogHandler(LogOfProtobuf);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
}

absl::StatusOr<PublicServer> StartPublicServer(const std::vector<std::string>& addresses,
                                               const GrpcServerOptions& options,
                                               const std::vector<grpc::Service*>& services) {
  grpc::ServerBuilder builder;
  SetCommon(builder, options);
  for (grpc::Service* service : services) builder.RegisterService(service);
  // gRPC fills the ports in when it starts, so they must not move.
  std::vector<int> ports(addresses.size(), 0);
  for (size_t i = 0; i < addresses.size(); ++i) {
    builder.AddListeningPort(addresses[i], grpc::InsecureServerCredentials(), &ports[i]);
  }
  PublicServer started;
  started.server = builder.BuildAndStart();
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (started.server == nullptr && ports[i] <= 0) return WhyNotListening(addresses[i]);
    started.addresses.push_back(WithPort(addresses[i], ports[i]));
  }
  if (started.server == nullptr)
    return absl::InternalError("gRPC did not start; the log lines before tell why");
  return started;
}

absl::StatusOr<std::unique_ptr<grpc::Server>> StartAdminServer(const GrpcServerOptions& options,
                                                               const std::vector<grpc::Service*>& services) {
  grpc::ServerBuilder builder;
  SetCommon(builder, options);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::InternalError("gRPC did not start; the log lines before tell why");
  return server;
}

}  // namespace modeld
