#include "daemon/rpc/request_trace.h"

#include <string_view>

namespace modeld {
namespace {

constexpr char kRequestId[] = "x-request-id";
constexpr char kTraceParent[] = "traceparent";

}  // namespace

RequestTrace TraceOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto text = [&](const char* key) -> std::string_view {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string_view()
                                   : std::string_view(found->second.data(), found->second.size());
  };
  return ValidTrace(text(kRequestId), text(kTraceParent));
}

void EchoTrace(const RequestTrace& trace, grpc::CallbackServerContext* context) {
  if (!trace.request_id.empty()) context->AddTrailingMetadata(kRequestId, trace.request_id);
  if (!trace.traceparent.empty()) context->AddTrailingMetadata(kTraceParent, trace.traceparent);
}

}  // namespace modeld
