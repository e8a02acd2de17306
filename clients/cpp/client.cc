#include "clients/cpp/client.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <future>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "clients/cpp/backoff.h"
#include "clients/cpp/predict_messages.h"
#include "clients/cpp/stream_call.h"
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
      const grpc::Status wire = call(&context);
      const absl::Status status = StatusOfCall(wire, context);
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
  const std::shared_ptr<v1::ModelService::Stub> models;  // shared with streams
  grpc::TemplatedGenericStub<HealthRequest, HealthResponse> health;
};

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::~Client() = default;

std::unique_ptr<Client> Client::Connect(const std::string& address, ClientOptions options) {
  return std::unique_ptr<Client>(new Client(std::make_unique<Connection>(address, std::move(options))));
}

absl::StatusOr<Prediction> Client::Predict(const std::string& model, Inputs inputs,
                                           const PredictOptions& options) {
  const absl::StatusOr<v1::PredictRequest> request = PredictRequestOf(model, std::move(inputs), options);
  if (!request.ok()) return request.status();
  v1::PredictResponse response;
  const absl::Status status =
      connection_->Call(connection_->Deadline(options.timeout), [&](grpc::ClientContext* context) {
        return connection_->models->Predict(context, *request, &response);
      });
  if (!status.ok()) return status;
  return PredictionOf(std::move(response));
}

std::unique_ptr<PredictionStream> Client::Stream(const StreamOptions& options) {
  return std::unique_ptr<PredictionStream>(
      new PredictionStream(std::make_unique<PredictionStream::Call>(connection_->models, options)));
}

absl::StatusOr<ModelListing> Client::ListModels() {
  const absl::Time deadline = connection_->Deadline();
  v1::ListModelsRequest request;
  ModelListing all;
  do {
    v1::ListModelsResponse page;
    const absl::Status status = connection_->Call(deadline, [&](grpc::ClientContext* context) {
      return connection_->models->ListModels(context, request, &page);
    });
    if (!status.ok()) return status;
    request.set_page_token(page.next_page_token());
    AppendPage(std::move(page), all);
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<ModelDetails> Client::GetModel(const std::string& model) {
  v1::GetModelRequest request;
  request.set_model(model);
  v1::GetModelResponse response;
  const absl::Status status = connection_->Call(connection_->Deadline(), [&](grpc::ClientContext* context) {
    return connection_->models->GetModel(context, request, &response);
  });
  if (!status.ok()) return status;
  return ModelDetailsOf(std::move(response));
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
  if (absl::IsNotFound(status)) return false;
  if (!status.ok()) return status;
  return response.value() == kServing;
}

}  // namespace modeld
