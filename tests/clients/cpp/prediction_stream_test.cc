#include "clients/cpp/prediction_stream.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "clients/cpp/client.h"
#include "modeld/v1/model_service.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::_;
using testing::HasSubstr;

using ServerStream = grpc::ServerReaderWriter<v1::PredictStreamResponse, v1::PredictStreamRequest>;

// Answers each request with its inputs, and one that has none with a failure, unless `on_stream` does more.
class FakeService final : public v1::ModelService::Service {
 public:
  std::function<grpc::Status(grpc::ServerContext&, ServerStream&)> on_stream = [this](grpc::ServerContext&,
                                                                                      ServerStream& stream) {
    while (Answer(stream)) {
    }
    return grpc::Status::OK;
  };
  std::promise<void> over;

  grpc::Status PredictStream(grpc::ServerContext* context, ServerStream* stream) override {
    const grpc::Status status = on_stream(*context, *stream);
    over.set_value();
    return status;
  }

  bool Answer(ServerStream& stream) {
    v1::PredictStreamRequest streamed;
    if (!stream.Read(&streamed)) return false;
    v1::PredictStreamResponse response;
    if (streamed.request().inputs().empty()) {
      response.mutable_failure()->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
      response.mutable_failure()->set_message("the queue is full");
      response.mutable_failure()->set_retry_after_ms(250);
    } else {
      response.mutable_response()->set_model(streamed.request().model());
      response.mutable_response()->set_version("1.1");
      *response.mutable_response()->mutable_outputs() = streamed.request().inputs();
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(std::move(streamed));
    }
    return stream.Write(response);
  }

  std::vector<v1::PredictStreamRequest> requests() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

 private:
  std::mutex mutex_;
  std::vector<v1::PredictStreamRequest> requests_;
};

class PredictionStreamTest : public testing::Test {
 protected:
  PredictionStreamTest() {
    grpc::ServerBuilder builder;
    const std::string address = "unix:" + (directory_ / "socket");
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    client_ = Client::Connect(address);
  }
  ~PredictionStreamTest() override { server_->Shutdown(); }

  static Inputs Number(int64_t number) {
    Inputs inputs;
    inputs["x"].set_int_value(number);
    return inputs;
  }
  static int64_t NumberOf(const absl::StatusOr<Prediction>& answer) {
    EXPECT_OK(answer);
    return answer.ok() ? answer->outputs.at("x").int_value() : -1;
  }

  const TempDir directory_;
  FakeService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(PredictionStreamTest, OneThreadWritesAndAnotherReadsInOrder) {
  constexpr int64_t kCount = 1000;
  const std::unique_ptr<PredictionStream> stream = client_->Stream();
  std::thread writer([&] {
    for (int64_t i = 0; i < kCount; ++i) EXPECT_OK(stream->Write("m", Number(i)));
    stream->WritesDone();
  });
  int64_t read = 0;
  while (const std::optional<absl::StatusOr<Prediction>> answer = stream->Read()) {
    ASSERT_EQ(NumberOf(*answer), read++);
  }
  writer.join();
  EXPECT_EQ(read, kCount);
  EXPECT_EQ(stream->in_flight(), 0);
  EXPECT_OK(stream->Finish());
  EXPECT_OK(stream->Finish()) << "it says the same again";
}

TEST_F(PredictionStreamTest, OneThreadDoesBoth) {
  const std::unique_ptr<PredictionStream> stream = client_->Stream({.max_in_flight = 4});
  int64_t read = 0;
  for (int64_t i = 0; i < 20; ++i) {
    if (stream->in_flight() == 4) {
      EXPECT_EQ(NumberOf(stream->Read().value()), read++);
    }
    ASSERT_OK(stream->Write("m", Number(i)));
  }
  stream->WritesDone();
  stream->WritesDone();
  while (const auto answer = stream->Read()) {
    EXPECT_EQ(NumberOf(*answer), read++);
  }
  EXPECT_EQ(read, 20);
  EXPECT_OK(stream->Finish());
}

TEST_F(PredictionStreamTest, ARequestThatFailsIsAnsweredByItsErrorAndTheStreamGoesOn) {
  const std::unique_ptr<PredictionStream> stream = client_->Stream();
  ASSERT_OK(stream->Write("m", Number(1)));
  ASSERT_OK(stream->Write("m", {}));
  ASSERT_OK(stream->Write("m", Number(3)));
  EXPECT_EQ(NumberOf(stream->Read().value()), 1);
  const absl::StatusOr<Prediction> failed = stream->Read().value();
  EXPECT_THAT(failed, StatusIs(absl::StatusCode::kResourceExhausted, "the queue is full"));
  EXPECT_EQ(RetryAfterOf(failed.status()), absl::Milliseconds(250));
  EXPECT_EQ(NumberOf(stream->Read().value()), 3);
  EXPECT_OK(stream->Finish());
}

TEST_F(PredictionStreamTest, OptionsAreOfEachRequest) {
  const std::unique_ptr<PredictionStream> stream = client_->Stream();
  PredictOptions options;
  options.version = "1.0";
  options.method = "embed";
  options.sequence_id = "s-1";
  options.timeout = absl::Microseconds(1500);
  ASSERT_OK(stream->Write("m", Number(1), options));
  ASSERT_OK(stream->Write("n", Number(2)));
  EXPECT_OK(stream->Finish());
  const std::vector<v1::PredictStreamRequest> requests = service_.requests();
  ASSERT_EQ(requests.size(), 2);
  EXPECT_EQ(requests[0].request().version(), "1.0");
  EXPECT_EQ(requests[0].request().method(), "embed");
  EXPECT_EQ(requests[0].request().sequence_id(), "s-1");
  EXPECT_EQ(requests[0].timeout_ms(), 2) << "rounded up";
  EXPECT_EQ(requests[1].request().model(), "n");
  EXPECT_EQ(requests[1].timeout_ms(), 0);
}

TEST_F(PredictionStreamTest, WhatCannotBeWrittenLeavesTheStreamAsItIs) {
  const std::unique_ptr<PredictionStream> stream = client_->Stream();
  PredictOptions both;
  both.version = "1";
  both.label = "live";
  EXPECT_THAT(stream->Write("m", Number(1), both),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not both")));
  EXPECT_EQ(stream->in_flight(), 0);
  ASSERT_OK(stream->Write("m", Number(2)));
  EXPECT_EQ(NumberOf(stream->Read().value()), 2);
  stream->WritesDone();
  EXPECT_THAT(stream->Write("m", Number(3)), StatusIs(absl::StatusCode::kFailedPrecondition, _));
  EXPECT_OK(stream->Finish());
}

TEST_F(PredictionStreamTest, WritesWaitWhileTheMaximumIsUnanswered) {
  const std::unique_ptr<PredictionStream> stream = client_->Stream({.max_in_flight = 2});
  std::promise<void> third_written;
  std::thread writer([&] {
    for (int64_t i = 0; i < 3; ++i) EXPECT_OK(stream->Write("m", Number(i)));
    third_written.set_value();
  });
  // However long: only a Read lets it go on.
  std::future<void> written = third_written.get_future();
  EXPECT_EQ(written.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_EQ(NumberOf(stream->Read().value()), 0);
  written.wait();
  writer.join();
  EXPECT_OK(stream->Finish());
}

TEST_F(PredictionStreamTest, AnErrorOfTheStreamEndsReadingAndWriting) {
  service_.on_stream = [&](grpc::ServerContext&, ServerStream& stream) {
    service_.Answer(stream);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  };
  const std::unique_ptr<PredictionStream> stream = client_->Stream({.max_in_flight = 2});
  std::thread writer([&] {
    absl::Status status;
    while (status.ok()) status = stream->Write("m", Number(0));
    stream->WritesDone();
  });
  EXPECT_EQ(NumberOf(stream->Read().value()), 0);
  EXPECT_EQ(stream->Read(), std::nullopt);
  EXPECT_EQ(stream->Read(), std::nullopt);
  writer.join();
  EXPECT_THAT(stream->Finish(), StatusIs(absl::StatusCode::kUnavailable, "shutting down"));
}

TEST_F(PredictionStreamTest, TheTimeoutIsTheWholeStreams) {
  std::promise<void> release;
  // By value: the call may begin after the test has ended.
  service_.on_stream = [released = release.get_future().share()](grpc::ServerContext&, ServerStream&) {
    released.wait();
    return grpc::Status::OK;
  };
  const std::unique_ptr<PredictionStream> stream =
      client_->Stream({.max_in_flight = 1, .timeout = absl::Milliseconds(300)});
  // A write that waits for room does not wait longer either, whether or not somebody reads.
  ASSERT_OK(stream->Write("m", Number(0)));
  EXPECT_THAT(stream->Write("m", Number(1)), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  EXPECT_EQ(stream->Read(), std::nullopt);
  EXPECT_THAT(stream->Finish(), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  release.set_value();
}

TEST_F(PredictionStreamTest, CancelEndsAWriteThatWaits) {
  const std::unique_ptr<PredictionStream> stream = client_->Stream({.max_in_flight = 1});
  ASSERT_OK(stream->Write("m", Number(0)));
  std::thread writer(
      [&] { EXPECT_THAT(stream->Write("m", Number(1)), StatusIs(absl::StatusCode::kCancelled, _)); });
  stream->Cancel();
  writer.join();
  EXPECT_THAT(stream->Finish(), StatusIs(absl::StatusCode::kCancelled, _));
}

TEST_F(PredictionStreamTest, AStreamThatIsDroppedEndsTheCall) {
  std::unique_ptr<PredictionStream> stream = client_->Stream();
  ASSERT_OK(stream->Write("m", Number(0)));
  ASSERT_OK(stream->Write("m", Number(1)));
  EXPECT_EQ(NumberOf(stream->Read().value()), 0);
  stream.reset();
  service_.over.get_future().wait();
}

TEST_F(PredictionStreamTest, AStreamOutlivesItsClient) {
  const std::unique_ptr<PredictionStream> stream = client_->Stream();
  client_.reset();
  ASSERT_OK(stream->Write("m", Number(7)));
  EXPECT_EQ(NumberOf(stream->Read().value()), 7);
  EXPECT_OK(stream->Finish());
}

TEST_F(PredictionStreamTest, AStreamWithoutRequestsEnds) { EXPECT_OK(client_->Stream()->Finish()); }

TEST(PredictionStream, NobodyListeningIsUnavailable) {
  const TempDir directory;
  const auto client = Client::Connect("unix:" + (directory / "none"));
  const std::unique_ptr<PredictionStream> stream = client->Stream();
  EXPECT_EQ(stream->Read(), std::nullopt);
  EXPECT_THAT(stream->Finish(), StatusIs(absl::StatusCode::kUnavailable, _));
}

}  // namespace
}  // namespace modeld
