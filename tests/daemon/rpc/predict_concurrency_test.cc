// ModelService.Predict under load, in trouble and at both ends of the daemon's life.
#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/daemon/rpc/rpc_fixture.h"

namespace modeld {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A model whose forward waits at a gate.
class GatedModel {
 public:
  FakeModel Model() {
    return FakeModel().Add(UnaryMethod("forward"),
                           [this](std::vector<Value> arguments) -> absl::StatusOr<Value> {
                             ++runs_;
                             entered_.Notify();
                             gate_.Wait();
                             return std::move(arguments[0]);
                           });
  }
  void WaitUntilEntered() { entered_.Wait(); }
  void Open() { gate_.Notify(); }
  int runs() const { return runs_; }

 private:
  Notification entered_;
  Notification gate_;
  std::atomic<int> runs_ = 0;
};

// A call on a thread of its own.
class BackgroundCall {
 public:
  BackgroundCall(v1::ModelService::Stub* stub, const v1::PredictRequest& request)
      : thread_([this, stub, request] { status_ = stub->Predict(&context_, request, &response_); }) {}
  ~BackgroundCall() {
    if (thread_.joinable()) thread_.join();
  }
  void Cancel() { context_.TryCancel(); }
  const grpc::Status& Wait() {
    thread_.join();
    return status_;
  }

 private:
  grpc::ClientContext context_;
  v1::PredictResponse response_;
  grpc::Status status_;
  std::thread thread_;
};

class PredictConcurrencyTest : public RpcTest {
 protected:
  // One instance, held by a first call; what follows queues.
  void HoldTheInstance(size_t max_queue) {
    Start({.instances = 1, .max_queue = max_queue});
    Register("slow", "1", gated_.Model());
    first_ = std::make_unique<BackgroundCall>(models_.get(), RequestFor("slow"));
    gated_.WaitUntilEntered();
  }
  void WaitUntilQueued(size_t count) {
    const absl::StatusOr<VersionHandle> version = table_.Resolve({.model = "slow"});
    ASSERT_OK(version);
    while ((*version)->instances->queued() < count) std::this_thread::yield();
  }

  GatedModel gated_;
  std::unique_ptr<BackgroundCall> first_;
};

TEST_F(PredictConcurrencyTest, FullQueueRejectsAtOnce) {
  HoldTheInstance(/*max_queue=*/1);
  BackgroundCall second(models_.get(), RequestFor("slow"));
  WaitUntilQueued(1);
  EXPECT_THAT(Predict(RequestFor("slow")), RpcStatusIs(grpc::RESOURCE_EXHAUSTED, HasSubstr("queue")));
  gated_.Open();
  EXPECT_THAT(first_->Wait(), RpcOk());
  EXPECT_THAT(second.Wait(), RpcOk());
}

TEST_F(PredictConcurrencyTest, AFullQueueSaysWhenToTryAgain) {
  HoldTheInstance(/*max_queue=*/1);
  BackgroundCall second(models_.get(), RequestFor("slow"));
  WaitUntilQueued(1);
  grpc::ClientContext context;
  v1::PredictResponse response;
  EXPECT_EQ(models_->Predict(&context, RequestFor("slow"), &response).error_code(), grpc::RESOURCE_EXHAUSTED);
  const auto pushback = context.GetServerTrailingMetadata().find("grpc-retry-pushback-ms");
  ASSERT_NE(pushback, context.GetServerTrailingMetadata().end());
  EXPECT_GE(std::stoi(std::string(pushback->second.data(), pushback->second.size())), 1);
  gated_.Open();
  EXPECT_THAT(second.Wait(), RpcOk());
}

TEST_F(PredictConcurrencyTest, TheUrgentRunFirst) {
  Mutex mutex;
  std::vector<int64_t> order;
  FakeModel model = gated_.Model();
  const MethodFn wait = model.functions[0];
  model.functions[0] = [&](std::vector<Value> arguments) {
    {
      MutexLock lock(&mutex);
      order.push_back(*arguments[0].get_if<int64_t>());
    }
    return wait(std::move(arguments));
  };
  Start({.instances = 1});
  Register("slow", "1", std::move(model));
  const auto request = [](int64_t x, v1::Priority priority) {
    v1::PredictRequest asked = RequestFor("slow", x);
    asked.set_priority(priority);
    return asked;
  };
  BackgroundCall first(models_.get(), request(0, v1::PRIORITY_LOW));
  gated_.WaitUntilEntered();
  BackgroundCall low(models_.get(), request(1, v1::PRIORITY_LOW));
  WaitUntilQueued(1);
  BackgroundCall usual(models_.get(), request(2, v1::PRIORITY_UNSPECIFIED));
  WaitUntilQueued(2);
  BackgroundCall high(models_.get(), request(3, v1::PRIORITY_HIGH));
  WaitUntilQueued(3);
  gated_.Open();
  for (BackgroundCall* call : {&first, &low, &usual, &high}) EXPECT_THAT(call->Wait(), RpcOk());
  EXPECT_THAT(order, ElementsAre(0, 3, 2, 1));
}

TEST_F(PredictConcurrencyTest, APriorityThatIsNoneIsRefused) {
  Start();
  Register("digits", "1", EchoModel());
  v1::PredictRequest request = RequestFor("digits");
  request.set_priority(static_cast<v1::Priority>(9));
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("priority is 9")));
}

TEST_F(PredictConcurrencyTest, DeadlineThatPassesInTheQueueKeepsTheModelFromRunning) {
  HoldTheInstance(/*max_queue=*/4);
  v1::PredictResponse response;
  EXPECT_EQ(Predict(RequestFor("slow"), &response, absl::Milliseconds(20)).error_code(),
            grpc::DEADLINE_EXCEEDED);
  gated_.Open();
  EXPECT_THAT(first_->Wait(), RpcOk());
  WaitUntilIdle();
  EXPECT_EQ(gated_.runs(), 1);
}

TEST_F(PredictConcurrencyTest, CancellationInTheQueueKeepsTheModelFromRunning) {
  HoldTheInstance(/*max_queue=*/4);
  BackgroundCall second(models_.get(), RequestFor("slow"));
  WaitUntilQueued(1);
  second.Cancel();
  EXPECT_EQ(second.Wait().error_code(), grpc::CANCELLED);
  // A call of later times shows that the server has heard of the cancellation: one connection keeps order.
  EXPECT_THAT(Predict(RequestFor("none")), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("none")));
  gated_.Open();
  EXPECT_THAT(first_->Wait(), RpcOk());
  WaitUntilIdle();
  EXPECT_EQ(gated_.runs(), 1);
}

TEST_F(PredictConcurrencyTest, ShutdownAnswersEveryQueuedRequest) {
  HoldTheInstance(/*max_queue=*/4);
  BackgroundCall second(models_.get(), RequestFor("slow"));
  BackgroundCall third(models_.get(), RequestFor("slow"));
  WaitUntilQueued(2);
  std::thread stopper([this] { scheduler_.Stop(); });
  EXPECT_THAT(second.Wait(), RpcStatusIs(grpc::UNAVAILABLE, HasSubstr("shutting down")));
  EXPECT_THAT(third.Wait(), RpcStatusIs(grpc::UNAVAILABLE, HasSubstr("shutting down")));
  gated_.Open();
  EXPECT_THAT(first_->Wait(), RpcOk());
  stopper.join();
  EXPECT_THAT(Predict(RequestFor("slow")), RpcStatusIs(grpc::UNAVAILABLE, HasSubstr("shutting down")));
}

TEST_F(PredictConcurrencyTest, RequestKeepsTheVersionThatItBeganWith) {
  Start({.instances = 2});
  Register("slow", "1", gated_.Model());
  v1::PredictRequest request = RequestFor("slow", 5);
  v1::PredictResponse response;
  grpc::Status status;
  std::thread caller([&] { status = Predict(request, &response); });
  gated_.WaitUntilEntered();
  Register("slow", "2", EchoModel());
  v1::PredictResponse newer;
  EXPECT_THAT(Predict(RequestFor("slow"), &newer), RpcOk());
  EXPECT_EQ(newer.version(), "2");
  gated_.Open();
  caller.join();
  EXPECT_THAT(status, RpcOk());
  EXPECT_EQ(response.version(), "1");
}

TEST_F(PredictConcurrencyTest, SwapsUnderLoadFailNoRequestAndNeverGoBack) {
  Start({.instances = 2});
  Register("digits", "1", SayingModel("1"));
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0;
  std::atomic<int> backwards = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      int last = 0;
      while (!stop) {
        v1::PredictResponse response;
        if (!Predict(RequestFor("digits"), &response).ok()) {
          ++failed;
          continue;
        }
        const int version = std::stoi(response.version());
        if (version < last || response.outputs().at("output").string_value() != response.version())
          ++backwards;
        last = version;
      }
    });
  }
  for (int version = 2; version <= 30; ++version) {
    const std::string text = std::to_string(version);
    Register("digits", text, SayingModel(text));
    // From here on every new request must be answered by it.
    v1::PredictResponse response;
    EXPECT_THAT(Predict(RequestFor("digits"), &response), RpcOk());
    EXPECT_EQ(response.version(), text);
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(backwards, 0);
}

TEST_F(PredictConcurrencyTest, WhileLoadingAfterAStartTheAnswerIsUnavailable) {
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> before, Registry::Open(state_ / "registry.db"));
    ASSERT_OK(before->RegisterVersion(TestVersion("digits", "1.0"), R"({"version":"1.0"})",
                                      TestEvent(action::kRegistered)));
    ASSERT_OK(before->SetLiveState("digits", {.history = {"1.0"}, .pinned = "", .pin_reason = ""},
                                   TestEvent(action::kPublished)));
  }
  Notification loading;
  loader_.WaitFor(&loading);
  loader_.Give("digits", "1.0", EchoModel());
  Start();
  EXPECT_THAT(Predict(RequestFor("digits")), RpcStatusIs(grpc::UNAVAILABLE, HasSubstr("starting")));
  loading.Notify();
  ASSERT_TRUE(manager_->WaitReady(absl::Seconds(30)));
  EXPECT_THAT(Predict(RequestFor("digits")), RpcOk());
  EXPECT_THAT(Predict(RequestFor("other")), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("other")));
}

TEST_F(PredictConcurrencyTest, DeadlineInCenturiesHasNotPassed) {
  Start();
  Register("digits", "1.0", EchoModel());
  grpc::ClientContext context;
  const gpr_timespec centuries = gpr_time_from_seconds(9'200'000'000, GPR_TIMESPAN);
  context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), centuries));
  v1::PredictResponse response;
  EXPECT_THAT(models_->Predict(&context, RequestFor("digits"), &response), RpcOk());
}

}  // namespace
}  // namespace modeld
