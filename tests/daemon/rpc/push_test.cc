// GetUpload and Push.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "registry/sha256.h"
#include "tests/daemon/rpc/rpc_fixture.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

std::string HashOf(const std::string& content) {
  Sha256 hash;
  hash.Update(content);
  return hash.Finish().value();
}

v1::PushHeader HeaderOf(const std::string& content, const std::string& path = "digits.pt") {
  v1::PushHeader header;
  header.set_path(path);
  header.set_sha256(HashOf(content));
  header.set_size_bytes(static_cast<int64_t>(content.size()));
  header.set_actor("ann");
  return header;
}

// A call of Push.
class PushCall {
 public:
  explicit PushCall(v1::AdminService::Stub* admin) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    writer_ = admin->Push(&context_, &response_);
  }
  ~PushCall() {
    context_.TryCancel();
    if (!finished_) writer_->Finish();
  }

  // False where the daemon has ended the call.
  bool Header(const v1::PushHeader& header) {
    v1::PushRequest request;
    *request.mutable_header() = header;
    return writer_->Write(request);
  }
  bool Data(const std::string& data) {
    v1::PushRequest request;
    request.set_data(data);
    return writer_->Write(request);
  }
  grpc::Status Finish() {
    finished_ = true;
    writer_->WritesDone();
    return writer_->Finish();
  }
  const v1::PushResponse& response() const { return response_; }

 private:
  grpc::ClientContext context_;
  v1::PushResponse response_;
  std::unique_ptr<grpc::ClientWriter<v1::PushRequest>> writer_;
  bool finished_ = false;
};

class PushTest : public RpcTest {
 protected:
  PushTest() { loader_.Give("digits", "1.0", EchoModel()); }

  int64_t Received(const std::string& content) {
    v1::GetUploadRequest request;
    request.set_sha256(HashOf(content));
    v1::GetUploadResponse response;
    grpc::ClientContext context;
    EXPECT_THAT(admin_->GetUpload(&context, request, &response), RpcOk());
    return response.received_bytes();
  }
  // Sends the bytes from `offset` on in chunks.
  grpc::Status Push(const std::string& content, v1::PushHeader header, v1::PushResponse* response = nullptr,
                    size_t chunk = 1000) {
    PushCall call(admin_.get());
    call.Header(header);
    for (size_t at = static_cast<size_t>(header.offset()); at < content.size(); at += chunk) {
      call.Data(content.substr(at, chunk));
    }
    const grpc::Status status = call.Finish();
    if (response != nullptr) *response = call.response();
    return status;
  }
  grpc::Status Push(const std::string& content) { return Push(content, HeaderOf(content)); }

  // The first `bytes` come, then the call breaks off; returns when the daemon has let go.
  void BreakOff(const std::string& content, size_t bytes) {
    {
      PushCall call(admin_.get());
      ASSERT_TRUE(call.Header(HeaderOf(content)));
      ASSERT_TRUE(call.Data(content.substr(0, bytes)));
      while (Received(content) < static_cast<int64_t>(bytes)) std::this_thread::yield();
    }
    while (absl::IsAborted(
        uploads_->Begin(HashOf(content), static_cast<int64_t>(content.size()), static_cast<int64_t>(bytes))
            .status())) {
      std::this_thread::yield();
    }
  }

  std::vector<EventRecord> Events() {
    absl::StatusOr<std::vector<EventRecord>> events = registry_->ListEvents({});
    EXPECT_OK(events);
    return *std::move(events);
  }

  const std::string digits_ =
      TorchScriptZip({{"config.json", R"({"version": "1.0"})"}, {"notes", std::string(10'000, 'x')}}).Build();
};

TEST_F(PushTest, AWholeFileIsRegisteredAndServed) {
  Start();
  v1::PushResponse response;
  ASSERT_THAT(Push(digits_, HeaderOf(digits_), &response), RpcOk());
  EXPECT_EQ(response.model(), "digits");
  EXPECT_EQ(response.version(), "1.0");
  EXPECT_FALSE(response.already_registered());
  ASSERT_TRUE(manager_->WaitSettled(absl::Seconds(30)));
  v1::PredictResponse answer;
  ASSERT_THAT(Predict(RequestFor("digits"), &answer), RpcOk());
  EXPECT_EQ(answer.version(), "1.0");
  EXPECT_EQ(Received(digits_), 0);

  ASSERT_THAT(Push(digits_, HeaderOf(digits_), &response), RpcOk());
  EXPECT_TRUE(response.already_registered());
  int pushed = 0;
  for (const EventRecord& event : Events()) {
    if (event.action != action::kPushed) continue;
    ++pushed;
    EXPECT_EQ(event.actor, "ann (unverified)");
    EXPECT_EQ(event.version, "1.0");
  }
  EXPECT_EQ(pushed, 1);
}

TEST_F(PushTest, ABrokenPushGoesOnWhereItWas) {
  Start();
  BreakOff(digits_, 4321);
  EXPECT_EQ(Received(digits_), 4321);
  v1::PushHeader header = HeaderOf(digits_);
  header.set_offset(4321);
  ASSERT_THAT(Push(digits_, header), RpcOk());
}

TEST_F(PushTest, APushThatEndsEarlyMayGoOn) {
  Start();
  {
    PushCall call(admin_.get());
    call.Header(HeaderOf(digits_));
    call.Data(digits_.substr(0, 100));
    EXPECT_THAT(call.Finish(), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("100 of")));
  }
  EXPECT_EQ(Received(digits_), 100);
}

TEST_F(PushTest, DamagedBytesAreDiscardedAndTold) {
  Start();
  std::string damaged = digits_;
  damaged[5000] ^= 1;
  EXPECT_THAT(Push(damaged, HeaderOf(digits_)),
              RpcStatusIs(grpc::DATA_LOSS, HasSubstr("push the file again")));
  EXPECT_EQ(Received(digits_), 0);
  EXPECT_THAT(Push(digits_), RpcOk());
}

TEST_F(PushTest, MoreBytesThanAnnouncedAreRefused) {
  Start();
  EXPECT_THAT(Push(digits_ + "x", HeaderOf(digits_)),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("more bytes")));
  v1::PushHeader huge = HeaderOf(digits_);
  huge.set_size_bytes(int64_t{1} << 60);
  EXPECT_THAT(Push(digits_, huge), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("size_bytes")));
}

TEST_F(PushTest, ChunksAreLimited) {
  Start({.instances = 2, .max_queue = 16, .max_message_bytes = 8 << 20});
  const std::string big(3 << 20, 'x');
  EXPECT_THAT(Push(big, HeaderOf(big), nullptr, (1 << 20) + 1),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("at most 1048576")));
}

TEST_F(PushTest, OnlyOnePushOfAFileAtATime) {
  Start();
  PushCall first(admin_.get());
  ASSERT_TRUE(first.Header(HeaderOf(digits_)));
  ASSERT_TRUE(first.Data(digits_.substr(0, 1)));
  while (Received(digits_) == 0) std::this_thread::yield();
  EXPECT_THAT(Push(digits_), RpcStatusIs(grpc::ABORTED, HasSubstr("another push of the same file")));
  first.Data(digits_.substr(1));
  EXPECT_THAT(first.Finish(), RpcOk());
}

TEST_F(PushTest, WhatIsNoHeaderOrABadOneIsInvalid) {
  Start();
  {
    PushCall call(admin_.get());
    call.Data("x");
    EXPECT_THAT(call.Finish(), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("must be the header")));
  }
  {
    PushCall call(admin_.get());
    call.Header(HeaderOf(digits_));
    call.Header(HeaderOf(digits_));
    EXPECT_THAT(call.Finish(), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("only `data`")));
  }
  EXPECT_THAT(Push(digits_, HeaderOf(digits_, "../model.pt")),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("\"..\"")));
  v1::PushHeader header = HeaderOf(digits_);
  header.set_sha256("../../../etc/passwd");
  EXPECT_THAT(Push(digits_, header), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("sha256")));
  header = HeaderOf(digits_);
  header.set_offset(5);
  EXPECT_THAT(Push(digits_, header), RpcStatusIs(grpc::OUT_OF_RANGE, HasSubstr("only 0 bytes")));
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_F(PushTest, AFullDiskIsToldAndWhatCameStays) {
  Start();
  upload_files_.LimitDiskSpace(2345);
  EXPECT_THAT(Push(digits_), RpcStatusIs(grpc::RESOURCE_EXHAUSTED, HasSubstr("no space left")));
  EXPECT_EQ(Received(digits_), 2345);
  upload_files_.Heal();
  v1::PushHeader header = HeaderOf(digits_);
  header.set_offset(2345);
  EXPECT_THAT(Push(digits_, header), RpcOk());
}

TEST_F(PushTest, ARefusedFileIsToldWithTheReasonAndRecorded) {
  Start();
  const std::string bad = TorchScriptArchive("{");
  EXPECT_THAT(Push(bad), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("config.json")));
  EXPECT_EQ(Events().front().action, action::kQuarantined);

  ASSERT_THAT(Push(digits_), RpcOk());
  const std::string other = TorchScriptArchive(R"({"version": "1.0", "description": "other"})");
  EXPECT_THAT(Push(other),
              RpcStatusIs(grpc::ALREADY_EXISTS, AllOf(HasSubstr("other bytes"), HasSubstr("1.0"))));
}

TEST_F(PushTest, ASidecarIsTakenAndLimited) {
  Start();
  loader_.Give("digits", "4", EchoModel());
  const std::string bare = TorchScriptZip({}).Build();
  v1::PushHeader header = HeaderOf(bare);
  header.set_sidecar_config(std::string(900 << 10, ' '));
  header.mutable_sidecar_config()->append(200 << 10, ' ');
  // The service's own limit or that of messages, whichever is lower.
  EXPECT_FALSE(Push(bare, header).ok());
  header.set_sidecar_config(R"({"version": "4"})");
  v1::PushResponse response;
  ASSERT_THAT(Push(bare, header, &response), RpcOk());
  EXPECT_EQ(response.version(), "4");
}

}  // namespace
}  // namespace modeld
