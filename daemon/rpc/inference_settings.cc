// The calls of the Open Inference Protocol that are about what this daemon has nothing of.
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/inference_service.h"
#include "daemon/rpc/status_convert.h"

namespace modeld {
namespace {

grpc::ServerUnaryReactor* Answered(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

absl::Status NoSharedMemory() {
  return absl::UnimplementedError(
      "shared memory is not supported by this server; send and receive tensors in the messages");
}

}  // namespace

grpc::ServerUnaryReactor* InferenceServiceImpl::SystemSharedMemoryStatus(
    grpc::CallbackServerContext* context, const inference::SystemSharedMemoryStatusRequest* /*request*/,
    inference::SystemSharedMemoryStatusResponse* /*response*/) {
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::SystemSharedMemoryRegister(
    grpc::CallbackServerContext* context, const inference::SystemSharedMemoryRegisterRequest* /*request*/,
    inference::SystemSharedMemoryRegisterResponse* /*response*/) {
  return Answered(context, NoSharedMemory());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::SystemSharedMemoryUnregister(
    grpc::CallbackServerContext* context, const inference::SystemSharedMemoryUnregisterRequest* /*request*/,
    inference::SystemSharedMemoryUnregisterResponse* /*response*/) {
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::CudaSharedMemoryStatus(
    grpc::CallbackServerContext* context, const inference::CudaSharedMemoryStatusRequest* /*request*/,
    inference::CudaSharedMemoryStatusResponse* /*response*/) {
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::CudaSharedMemoryRegister(
    grpc::CallbackServerContext* context, const inference::CudaSharedMemoryRegisterRequest* /*request*/,
    inference::CudaSharedMemoryRegisterResponse* /*response*/) {
  return Answered(context, NoSharedMemory());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::CudaSharedMemoryUnregister(
    grpc::CallbackServerContext* context, const inference::CudaSharedMemoryUnregisterRequest* /*request*/,
    inference::CudaSharedMemoryUnregisterResponse* /*response*/) {
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::TraceSetting(grpc::CallbackServerContext* context,
                                                             const inference::TraceSettingRequest* request,
                                                             inference::TraceSettingResponse* response) {
  if (!request->settings().empty()) {
    return Answered(context,
                    absl::UnimplementedError("requests are not traced by this server; its settings are "
                                             "trace_level OFF, and cannot be changed"));
  }
  (*response->mutable_settings())["trace_level"].add_value("OFF");
  return Answered(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceServiceImpl::LogSettings(grpc::CallbackServerContext* context,
                                                            const inference::LogSettingsRequest* request,
                                                            inference::LogSettingsResponse* response) {
  if (!request->settings().empty()) {
    return Answered(context, absl::UnimplementedError("what is logged is decided when the daemon is "
                                                      "started, by --log-level; it cannot be changed here"));
  }
  auto& settings = *response->mutable_settings();
  settings["log_info"].set_bool_param(true);
  settings["log_warning"].set_bool_param(true);
  settings["log_error"].set_bool_param(true);
  settings["log_verbose_level"].set_uint32_param(0);
  settings["log_format"].set_string_param("default");
  return Answered(context, absl::OkStatus());
}

}  // namespace modeld
