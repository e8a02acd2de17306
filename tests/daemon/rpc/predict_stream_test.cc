// ModelService.PredictStream.
#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/daemon/rpc/rpc_fixture.h"

namespace modeld {
namespace {

using testing::HasSubstr;

class PredictStreamTest : public RpcTest {
 protected:
  using Stream = grpc::ClientReaderWriter<v1::PredictStreamRequest, v1::PredictStreamResponse>;

  std::unique_ptr<Stream> Open() {
    context_ = std::make_unique<grpc::ClientContext>();
    return models_->PredictStream(context_.get());
  }
  static v1::PredictStreamRequest Streamed(v1::PredictRequest request, int64_t timeout_ms = 0) {
    v1::PredictStreamRequest streamed;
    *streamed.mutable_request() = std::move(request);
    streamed.set_timeout_ms(timeout_ms);
    return streamed;
  }

  // A model "slow" that tells when it is called, and gives x back when the gate is open.
  void RegisterGated() {
    Register("slow", "1",
             FakeModel().Add(UnaryMethod("forward"),
                             [this](std::vector<Value> arguments) -> absl::StatusOr<Value> {
                               entered_.Notify();
                               gate_.Wait();
                               return std::move(arguments[0]);
                             }));
  }

  Notification entered_, gate_;
  std::unique_ptr<grpc::ClientContext> context_;
};

TEST_F(PredictStreamTest, AnswersInTheOrderOfTheRequests) {
  Start({.instances = 2, .max_queue = kMaxStreamJobs});  // for all that may be under way
  Register("digits", "1", EchoModel());
  const std::unique_ptr<Stream> stream = Open();
  constexpr int64_t kRequests = 500;  // many more than may be under way
  std::thread writer([&] {
    for (int64_t x = 0; x < kRequests; ++x) EXPECT_TRUE(stream->Write(Streamed(RequestFor("digits", x))));
    EXPECT_TRUE(stream->WritesDone());
  });
  v1::PredictStreamResponse response;
  int64_t next = 0;
  while (stream->Read(&response)) {
    EXPECT_TRUE(response.has_response()) << response.failure().message();
    const auto output = response.response().outputs().find("output");
    EXPECT_EQ(output == response.response().outputs().end() ? -1 : output->second.int_value(), next);
    EXPECT_EQ(response.response().version(), "1");
    ++next;
  }
  writer.join();
  EXPECT_EQ(next, kRequests);
  EXPECT_THAT(stream->Finish(), RpcOk());
}

TEST_F(PredictStreamTest, AFailedRequestIsAnAnswerAndTheStreamGoesOn) {
  Start();
  Register("digits", "1", EchoModel());
  const std::unique_ptr<Stream> stream = Open();
  stream->Write(Streamed(RequestFor("nobody")));
  stream->Write(v1::PredictStreamRequest());
  stream->Write(Streamed(RequestFor("digits"), /*timeout_ms=*/-5));
  stream->Write(Streamed(RequestFor("digits", 3)));
  stream->WritesDone();
  v1::PredictStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.failure().code(), grpc::NOT_FOUND);
  EXPECT_THAT(response.failure().message(), HasSubstr("nobody"));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.failure().code(), grpc::INVALID_ARGUMENT);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.failure().code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(response.failure().message(), HasSubstr("timeout_ms is -5"));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.response().outputs().at("output").int_value(), 3);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(stream->Finish(), RpcOk());
}

TEST_F(PredictStreamTest, AStreamWithoutRequestsEnds) {
  Start();
  const std::unique_ptr<Stream> stream = Open();
  stream->WritesDone();
  v1::PredictStreamResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(stream->Finish(), RpcOk());
}

TEST_F(PredictStreamTest, EachRequestHasATimeOfItsOwn) {
  Start({.instances = 1});
  RegisterGated();
  const std::unique_ptr<Stream> stream = Open();
  stream->Write(Streamed(RequestFor("slow", 1)));
  stream->Write(Streamed(RequestFor("slow", 2), /*timeout_ms=*/1));
  stream->Write(Streamed(RequestFor("slow", 3)));
  while (scheduler_.in_flight() < 3) std::this_thread::yield();
  const absl::Time until = absl::Now() + absl::Milliseconds(2);
  while (absl::Now() < until) std::this_thread::yield();
  gate_.Notify();
  v1::PredictStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.has_response());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.failure().code(), grpc::DEADLINE_EXCEEDED);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.response().outputs().at("output").int_value(), 3);
  stream->WritesDone();
  EXPECT_THAT(stream->Finish(), RpcOk());
}

TEST_F(PredictStreamTest, AFullQueueSaysWhenToTryAgain) {
  Start({.instances = 1, .max_queue = 1});
  RegisterGated();
  const std::unique_ptr<Stream> stream = Open();
  stream->Write(Streamed(RequestFor("slow", 1)));
  entered_.Wait();
  stream->Write(Streamed(RequestFor("slow", 2)));
  ASSERT_OK_AND_ASSIGN(VersionHandle version, table_.Resolve({.model = "slow"}));
  while (version->instances->queued() < 1) std::this_thread::yield();
  version.reset();
  stream->Write(Streamed(RequestFor("slow", 3)));  // refused, unless the gate is open by then
  EXPECT_THAT(Predict(RequestFor("slow")), RpcStatusIs(grpc::RESOURCE_EXHAUSTED, HasSubstr("full")));
  gate_.Notify();
  stream->WritesDone();
  v1::PredictStreamResponse response;
  while (stream->Read(&response)) {
    if (!response.has_failure()) continue;
    EXPECT_EQ(response.failure().code(), grpc::RESOURCE_EXHAUSTED);
    EXPECT_GE(response.failure().retry_after_ms(), 1);
  }
  EXPECT_THAT(stream->Finish(), RpcOk());
}

TEST_F(PredictStreamTest, AClientThatGoesLeavesNothingBehind) {
  Start({.instances = 1});
  RegisterGated();
  std::unique_ptr<Stream> stream = Open();
  for (int64_t x = 0; x < 5; ++x) stream->Write(Streamed(RequestFor("slow", x)));
  entered_.Wait();
  context_->TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  gate_.Notify();
  WaitUntilIdle();
}

TEST_F(PredictStreamTest, AStopAnswersWhatWasReadAndEndsTheStream) {
  Start({.instances = 1});
  RegisterGated();
  const std::unique_ptr<Stream> stream = Open();
  stream->Write(Streamed(RequestFor("slow", 1)));
  entered_.Wait();
  model_service_->StopStreams();
  gate_.Notify();
  v1::PredictStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.response().outputs().at("output").int_value(), 1);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(stream->Finish(), RpcStatusIs(grpc::UNAVAILABLE, HasSubstr("shutting down")));
  const std::unique_ptr<Stream> late = Open();
  EXPECT_FALSE(late->Read(&response));
  EXPECT_THAT(late->Finish(), RpcStatusIs(grpc::UNAVAILABLE, HasSubstr("shutting down")));
}

}  // namespace
}  // namespace modeld
