#include "daemon/server/open_streams.h"

#include <grpcpp/server_context.h>

#include <vector>

#include "absl/strings/string_view.h"

namespace modeld {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

// End by themselves at a shutdown, when what they have read is answered.
bool EndsByItself(absl::string_view method) {
  return method == "/modeld.v1.ModelService/PredictStream" ||
         method == "/inference.GRPCInferenceService/ModelStreamInfer";
}

}  // namespace

// Lives as long as its call.
class OpenStreams::Follower final : public Interceptor {
 public:
  Follower(OpenStreams* streams, ServerRpcInfo* info) : streams_(streams), info_(info) {}
  ~Follower() override {
    if (call_ != nullptr) streams_->Remove(call_);
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    // The first of all hooks; before it the context has no call yet.
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      call_ = info_->server_context()->c_call();
      streams_->Add(call_);
    }
    methods->Proceed();
  }

 private:
  OpenStreams* const streams_;
  ServerRpcInfo* const info_;
  grpc_call* call_ = nullptr;
};

class OpenStreams::Factory final : public ServerInterceptorFactoryInterface {
 public:
  explicit Factory(OpenStreams* streams) : streams_(streams) {}

  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    if (info->type() == ServerRpcInfo::Type::UNARY || EndsByItself(info->method())) return nullptr;
    return new Follower(streams_, info);
  }

 private:
  OpenStreams* const streams_;
};

std::unique_ptr<ServerInterceptorFactoryInterface> OpenStreams::NewFactory() {
  return std::make_unique<Factory>(this);
}

void OpenStreams::Cancel() {
  std::vector<grpc_call*> calls;
  {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    for (grpc_call* call : calls_) {
      ::grpc_call_ref(call);
      calls.push_back(call);
    }
  }
  // Not under the lock: a call that ends comes back to Remove, perhaps on this thread.
  for (grpc_call* call : calls) {
    ::grpc_call_cancel(call, nullptr);
    ::grpc_call_unref(call);
  }
}

void OpenStreams::Add(grpc_call* call) {
  ::grpc_call_ref(call);
  bool cancelled = false;
  {
    MutexLock lock(&mutex_);
    calls_.insert(call);
    cancelled = cancelled_;
  }
  if (cancelled) ::grpc_call_cancel(call, nullptr);
}

void OpenStreams::Remove(grpc_call* call) {
  {
    MutexLock lock(&mutex_);
    calls_.erase(call);
  }
  ::grpc_call_unref(call);
}

}  // namespace modeld
