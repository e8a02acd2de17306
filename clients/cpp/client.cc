#include "clients/cpp/client.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <future>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cpp/backoff.h"
#include "modeld/v1/model_service.grpc.pb.h"

namespace modeld {
namespace {

// grpc.health.v1.Health.Check: its request and its response each hold one field with number 1, a string and
// an enumeration. On the wire they are the well-known wrapper types, so that no second copy of health.proto
// is linked into programs that have one of their own.
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
constexpr int kServing = 1;
using HealthRequest = google::protobuf::StringValue;
using HealthResponse = google::protobuf::Int32Value;

absl::Status ToAbslStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

grpc::ChannelArguments ChannelArgumentsFor(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  arguments.SetMaxSendMessageSize(options.max_message_bytes);
  // The channel has a back-off of its own between attempts to connect, of 1 s and more; while it lasts, every
  // call fails at once. With ours instead, a retry is an attempt to connect.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(options.initial_backoff)));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(options.max_backoff)));
  return arguments;
}

}  // namespace

struct Client::Connection {
  Connection(const std::string& address, ClientOptions client_options)
      : options(std::move(client_options)),
        channel(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                          ChannelArgumentsFor(options))),
        models(v1::ModelService::NewStub(channel)),
        health(channel) {}

  absl::Time Deadline(absl::Duration timeout = absl::ZeroDuration()) const {
    return absl::Now() + (timeout > absl::ZeroDuration() ? timeout : options.default_timeout);
  }

  // Makes a call, a grpc::Status(grpc::ClientContext*), until it ends with anything but UNAVAILABLE.
  template <typename CallFn>
  absl::Status Call(absl::Time deadline, CallFn call) const {
    const BackoffPolicy policy{options.max_attempts, options.initial_backoff, options.max_backoff};
    for (int attempts = 1;; ++attempts) {
      grpc::ClientContext context;
      if (deadline != absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
      const absl::Status status = ToAbslStatus(call(&context));
      if (!absl::IsUnavailable(status)) return status;
      absl::BitGen random;
      const std::optional<absl::Duration> delay =
          NextDelay(policy, attempts, deadline - absl::Now(), absl::Uniform(random, -1.0, 1.0));
      if (!delay.has_value()) return status;
      absl::SleepFor(*delay);
    }
  }

  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::ModelService::Stub> models;
  grpc::TemplatedGenericStub<HealthRequest, HealthResponse> health;
};

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::~Client() = default;

std::unique_ptr<Client> Client::Connect(const std::string& address, ClientOptions options) {
  return std::unique_ptr<Client>(new Client(std::make_unique<Connection>(address, std::move(options))));
}

absl::StatusOr<Prediction> Client::Predict(const std::string& model, Inputs inputs,
                                           const PredictOptions& options) {
  if (!options.version.empty() && !options.label.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("give a version (\"", options.version,
                                                   "\") or a label (\"", options.label, "\"), not both"));
  }
  v1::PredictRequest request;
  request.set_model(model);
  request.set_method(options.method);
  request.set_sticky_key(options.sticky_key);
  request.set_priority(options.priority);
  request.set_sequence_id(options.sequence_id);
  request.set_sequence_start(options.sequence_start);
  request.set_sequence_end(options.sequence_end);
  if (!options.version.empty()) request.set_version(options.version);
  if (!options.label.empty()) request.set_label(options.label);
  for (auto& [name, value] : inputs) (*request.mutable_inputs())[name] = std::move(value);

  v1::PredictResponse response;
  const absl::Status status =
      connection_->Call(connection_->Deadline(options.timeout), [&](grpc::ClientContext* context) {
        return connection_->models->Predict(context, request, &response);
      });
  if (!status.ok()) return status;
  Prediction prediction{response.model(), response.version(), {}};
  for (auto& [name, value] : *response.mutable_outputs()) prediction.outputs[name] = std::move(value);
  return prediction;
}

absl::StatusOr<v1::ListModelsResponse> Client::ListModels() {
  const absl::Time deadline = connection_->Deadline();
  v1::ListModelsRequest request;
  v1::ListModelsResponse all;
  do {
    v1::ListModelsResponse page;
    const absl::Status status = connection_->Call(deadline, [&](grpc::ClientContext* context) {
      return connection_->models->ListModels(context, request, &page);
    });
    if (!status.ok()) return status;
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::GetModelResponse> Client::GetModel(const std::string& model) {
  v1::GetModelRequest request;
  request.set_model(model);
  v1::GetModelResponse response;
  const absl::Status status = connection_->Call(connection_->Deadline(), [&](grpc::ClientContext* context) {
    return connection_->models->GetModel(context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<bool> Client::IsServing(const std::string& model) {
  HealthRequest request;
  request.set_value(model);
  HealthResponse response;
  const absl::Status status = connection_->Call(connection_->Deadline(), [&](grpc::ClientContext* context) {
    // Shared: set_value may still be at work when get returns.
    const auto done = std::make_shared<std::promise<grpc::Status>>();
    connection_->health.UnaryCall(context, kHealthCheck, grpc::StubOptions(), &request, &response,
                                  [done](grpc::Status result) { done->set_value(std::move(result)); });
    return done->get_future().get();
  });
  if (!status.ok()) return status;
  return response.value() == kServing;
}

}  // namespace modeld
