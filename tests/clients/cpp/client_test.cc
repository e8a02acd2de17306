#include "clients/cpp/client.h"

#include <gmock/gmock.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "modeld/v1/model_service.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kPageSize = 2;

// Answers a prediction with its inputs, unless `on_predict` says otherwise.
class FakeService final : public v1::ModelService::Service {
 public:
  std::function<grpc::Status(int call, grpc::ServerContext&)> on_predict = [](int, grpc::ServerContext&) {
    return grpc::Status::OK;
  };
  std::atomic<int> calls = 0;
  v1::PredictRequest last_request;
  int models = 0;

  grpc::Status Predict(grpc::ServerContext* context, const v1::PredictRequest* request,
                       v1::PredictResponse* response) override {
    const int call = ++calls;
    last_request = *request;
    response->set_model(request->model());
    response->set_version("1.1");
    *response->mutable_outputs() = request->inputs();
    return on_predict(call, *context);
  }

  // Pages of kPageSize; a token is the index of a page's first model.
  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override {
    ++calls;
    int first = 0;
    if (!request->page_token().empty() && !absl::SimpleAtoi(request->page_token(), &first)) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "bad token"};
    }
    if (first == 0) response->add_dropped_files()->set_path("broken.pt");
    const int end = std::min(models, first + kPageSize);
    for (int i = first; i < end; ++i) response->add_models()->set_name(absl::StrCat("m", i));
    if (end < models) response->set_next_page_token(absl::StrCat(end));
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override {
    if (request->model() != "digits")
      return {grpc::StatusCode::NOT_FOUND, "no model \"digit\"; did you mean"};
    response->mutable_model()->set_name("digits");
    return grpc::Status::OK;
  }
};

class ClientTest : public testing::Test {
 protected:
  ClientTest() { grpc::EnableDefaultHealthCheckService(true); }

  std::string Address() const { return "unix:" + (directory_ / "socket"); }

  void Serve() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(Address(), grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  static ClientOptions Quick() {
    ClientOptions options;
    options.initial_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(2);
    return options;
  }

  static Inputs SomeInputs() {
    Inputs inputs;
    inputs["x"] = MakeTensor<float>({1, 2}, {1, 2});
    return inputs;
  }

  // Fails the first `count` calls with `status`.
  void FailFirst(int count, grpc::Status status) {
    service_.on_predict = [count, status](int call, grpc::ServerContext&) {
      return call <= count ? status : grpc::Status::OK;
    };
  }

  const TempDir directory_;
  FakeService service_;
  std::unique_ptr<grpc::Server> server_;
};

const grpc::Status kStarting(grpc::StatusCode::UNAVAILABLE, "the daemon is starting");

TEST_F(ClientTest, PredictSendsTheInputsAndReturnsTheOutputs) {
  Serve();
  const auto client = Client::Connect(Address());
  PredictOptions options;
  options.version = "1.1";
  options.method = "embed";
  ASSERT_OK_AND_ASSIGN(const Prediction answer, client->Predict("digits", SomeInputs(), options));
  EXPECT_EQ(answer.model, "digits");
  EXPECT_EQ(answer.version, "1.1");
  ASSERT_OK_AND_ASSIGN(const TensorView<float> x, AsTensor<float>(answer.outputs.at("x")));
  EXPECT_THAT(x.elements, ElementsAre(1, 2));
  EXPECT_EQ(service_.last_request.version(), "1.1");
  EXPECT_EQ(service_.last_request.method(), "embed");
}

TEST_F(ClientTest, NeitherVersionNorLabelMeansLive) {
  Serve();
  ASSERT_OK(Client::Connect(Address())->Predict("digits", {}));
  EXPECT_EQ(service_.last_request.selector_case(), v1::PredictRequest::SELECTOR_NOT_SET);
  EXPECT_EQ(service_.last_request.sticky_key(), "");
}

TEST_F(ClientTest, TheStickyKeyIsSent) {
  Serve();
  PredictOptions options;
  options.sticky_key = "user-7";
  ASSERT_OK(Client::Connect(Address())->Predict("digits", {}, options));
  EXPECT_EQ(service_.last_request.sticky_key(), "user-7");
}

TEST_F(ClientTest, PriorityAndSequenceAreSent) {
  Serve();
  PredictOptions options;
  options.priority = v1::PRIORITY_HIGH;
  options.sequence_id = "s-1";
  options.sequence_start = true;
  options.sequence_end = true;
  ASSERT_OK(Client::Connect(Address())->Predict("digits", {}, options));
  EXPECT_EQ(service_.last_request.priority(), v1::PRIORITY_HIGH);
  EXPECT_EQ(service_.last_request.sequence_id(), "s-1");
  EXPECT_TRUE(service_.last_request.sequence_start());
  EXPECT_TRUE(service_.last_request.sequence_end());
}

TEST_F(ClientTest, VersionAndLabelTogetherAreRefusedWithoutACall) {
  Serve();
  PredictOptions options;
  options.version = "1.1";
  options.label = "live";
  EXPECT_THAT(Client::Connect(Address())->Predict("digits", {}, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not both")));
  EXPECT_EQ(service_.calls, 0);
}

TEST_F(ClientTest, UnavailableIsRetried) {
  Serve();
  FailFirst(3, kStarting);
  EXPECT_OK(Client::Connect(Address(), Quick())->Predict("digits", SomeInputs()));
  EXPECT_EQ(service_.calls, 4);
}

TEST_F(ClientTest, AfterTheLastAttemptTheDaemonsWordsAreReturned) {
  Serve();
  FailFirst(1000, kStarting);
  ClientOptions options = Quick();
  options.max_attempts = 3;
  EXPECT_THAT(Client::Connect(Address(), options)->Predict("digits", SomeInputs()),
              StatusIs(absl::StatusCode::kUnavailable, "the daemon is starting"));
  EXPECT_EQ(service_.calls, 3);
}

TEST_F(ClientTest, NoRetryThatWouldBeginAfterTheDeadline) {
  Serve();
  FailFirst(1000, kStarting);
  ClientOptions options;
  options.initial_backoff = absl::Hours(1);
  options.max_backoff = absl::Hours(1);
  const absl::Time began = absl::Now();
  EXPECT_THAT(Client::Connect(Address(), options)->Predict("digits", SomeInputs()),
              StatusIs(absl::StatusCode::kUnavailable, testing::_));
  EXPECT_EQ(service_.calls, 1);
  EXPECT_LT(absl::Now() - began, options.default_timeout);
}

TEST_F(ClientTest, OtherErrorsAreCarriedOverAndNotRetried) {
  Serve();
  const struct {
    grpc::StatusCode code;
    absl::StatusCode expected;
  } kCases[] = {{grpc::StatusCode::NOT_FOUND, absl::StatusCode::kNotFound},
                {grpc::StatusCode::INVALID_ARGUMENT, absl::StatusCode::kInvalidArgument},
                {grpc::StatusCode::FAILED_PRECONDITION, absl::StatusCode::kFailedPrecondition},
                {grpc::StatusCode::RESOURCE_EXHAUSTED, absl::StatusCode::kResourceExhausted},
                {grpc::StatusCode::INTERNAL, absl::StatusCode::kInternal}};
  const auto client = Client::Connect(Address(), Quick());
  for (const auto& c : kCases) {
    service_.calls = 0;
    FailFirst(1000, grpc::Status(c.code, "the reason"));
    EXPECT_THAT(client->Predict("digits", SomeInputs()), StatusIs(c.expected, "the reason"));
    EXPECT_EQ(service_.calls, 1);
  }
}

TEST_F(ClientTest, AFullQueueSaysWhenToTryAgain) {
  service_.on_predict = [](int call, grpc::ServerContext& context) {
    if (call == 1) context.AddTrailingMetadata("grpc-retry-pushback-ms", "250");
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full");
  };
  Serve();
  const auto client = Client::Connect(Address(), Quick());
  const absl::Status full = client->Predict("digits", SomeInputs()).status();
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kResourceExhausted, "the queue is full"));
  EXPECT_EQ(RetryAfterOf(full), absl::Milliseconds(250));
  EXPECT_EQ(RetryAfterOf(client->Predict("digits", SomeInputs()).status()), std::nullopt);
}

TEST_F(ClientTest, TheDeadlineReachesTheDaemon) {
  absl::Time deadline;
  service_.on_predict = [&](int, grpc::ServerContext& context) {
    deadline = absl::FromChrono(context.deadline());
    return grpc::Status::OK;
  };
  Serve();
  PredictOptions options;
  options.timeout = absl::Hours(2);
  const absl::Time began = absl::Now();
  EXPECT_OK(Client::Connect(Address())->Predict("digits", SomeInputs(), options));
  // The wire carries a relative timeout, rounded.
  EXPECT_GT(deadline, began + absl::Hours(1));
  EXPECT_LT(deadline, absl::Now() + absl::Hours(3));
}

TEST_F(ClientTest, TheDeadlineEndsTheCall) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  service_.on_predict = [&](int, grpc::ServerContext&) {
    released.wait();
    return grpc::Status::OK;
  };
  Serve();
  PredictOptions options;
  options.timeout = absl::Milliseconds(50);
  EXPECT_THAT(Client::Connect(Address())->Predict("digits", SomeInputs(), options),
              StatusIs(absl::StatusCode::kDeadlineExceeded, testing::_));
  release.set_value();
  server_->Shutdown();  // the call may still be at work
}

TEST_F(ClientTest, NobodyListeningIsUnavailable) {
  ClientOptions options = Quick();
  options.max_attempts = 2;
  EXPECT_THAT(Client::Connect(Address(), options)->Predict("digits", SomeInputs()),
              StatusIs(absl::StatusCode::kUnavailable, testing::_));
}

// The channel's own back-off of a second and more made every retry fail without a new attempt to connect.
TEST_F(ClientTest, RetriesReachADaemonThatStartsLater) {
  ClientOptions options;
  options.max_attempts = 1000;
  options.initial_backoff = options.max_backoff = absl::Milliseconds(20);
  const auto client = Client::Connect(Address(), options);
  std::future<absl::StatusOr<Prediction>> answer =
      std::async(std::launch::async, [&] { return client->Predict("digits", SomeInputs()); });
  Serve();
  EXPECT_OK(answer.get());
}

TEST_F(ClientTest, ListModelsFetchesAllPages) {
  service_.models = 5;
  Serve();
  ASSERT_OK_AND_ASSIGN(const ModelListing all, Client::Connect(Address())->ListModels());
  std::vector<std::string> names;
  for (const ModelInfo& model : all.models) names.push_back(model.name);
  EXPECT_THAT(names, ElementsAre("m0", "m1", "m2", "m3", "m4"));
  ASSERT_EQ(all.dropped_files.size(), 1);
  EXPECT_EQ(all.dropped_files[0].path, "broken.pt");
  EXPECT_EQ(service_.calls, 3);
}

TEST_F(ClientTest, GetModel) {
  Serve();
  const auto client = Client::Connect(Address());
  ASSERT_OK_AND_ASSIGN(const ModelDetails details, client->GetModel("digits"));
  EXPECT_EQ(details.model.name, "digits");
  EXPECT_THAT(client->GetModel("digit"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean")));
}

TEST_F(ClientTest, Health) {
  Serve();
  server_->GetHealthCheckService()->SetServingStatus("digits", true);
  server_->GetHealthCheckService()->SetServingStatus("loading", false);
  const auto client = Client::Connect(Address());
  EXPECT_THAT(client->IsServing(), IsOk());
  EXPECT_EQ(client->IsServing().value_or(false), true);
  EXPECT_EQ(client->IsServing("digits").value_or(false), true);
  EXPECT_EQ(client->IsServing("loading").value_or(true), false);
  EXPECT_EQ(client->IsServing("unknown").value_or(true), false);
}

TEST_F(ClientTest, MessagesBeyondTheLimitAreRefused) {
  Serve();
  ClientOptions options = Quick();
  options.max_message_bytes = 100;
  Inputs inputs;
  inputs["x"] = MakeTensor<float>({100}, std::vector<float>(100));
  EXPECT_THAT(Client::Connect(Address(), options)->Predict("digits", std::move(inputs)),
              StatusIs(absl::StatusCode::kResourceExhausted, testing::_));
  EXPECT_EQ(service_.calls, 0);
}

}  // namespace
}  // namespace modeld
