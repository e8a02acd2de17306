// What is counted of requests on their way through the service, and what of a caller's trace comes back.
#include "daemon/lifecycle/request_metrics.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/daemon/rpc/rpc_fixture.h"

namespace modeld {
namespace {

using testing::IsEmpty;

constexpr char kTraceParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

FakeModel RaisingModel() {
  return FakeModel().Add(UnaryMethod("forward"), [](std::vector<Value>) -> absl::StatusOr<Value> {
    return absl::InternalError("it raised");
  });
}

class RequestMetricsRpcTest : public RpcTest {
 protected:
  RequestCounts Counts(const std::string& model) {
    WaitUntilIdle();
    return (*table_.Resolve({.model = model}))->metrics.Snapshot();
  }
  int64_t Count(const RequestCounts& counts, absl::StatusCode code) {
    return counts.by_code[IndexOfCode(code)];
  }
  // The reply's trailing metadata under `key`; empty: none.
  std::string Echoed(const std::string& model, const std::string& key, const std::string& value) {
    grpc::ClientContext context;
    context.AddMetadata(key, value);
    v1::PredictResponse response;
    (void)models_->Predict(&context, RequestFor(model), &response);
    const auto& metadata = context.GetServerTrailingMetadata();
    const auto found = metadata.find(key);
    return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
  }
};

TEST_F(RequestMetricsRpcTest, AnswersAreCountedWithTheirTimes) {
  Start();
  Register("digits", "1.0", EchoModel());
  for (int i = 0; i < 5; ++i) ASSERT_THAT(Predict(RequestFor("digits")), RpcOk());
  const RequestCounts counts = Counts("digits");
  EXPECT_EQ(counts.answered(), 5);
  EXPECT_EQ(counts.failed(), 0);
  EXPECT_EQ(counts.in_flight, 0);
  EXPECT_EQ(counts.rows, 5);
  EXPECT_EQ(counts.runs[0].count, 5);
  EXPECT_EQ(counts.total.total(), 5);
  EXPECT_EQ(counts.queue.total(), 5);
  EXPECT_GE(counts.total.nanoseconds,
            counts.input_nanoseconds + counts.queue.nanoseconds + counts.run.nanoseconds);
  EXPECT_GT(counts.input_nanoseconds, 0);
}

TEST_F(RequestMetricsRpcTest, FaultsAreCountedByTheirCode) {
  Start();
  Register("digits", "1.0", RaisingModel());
  EXPECT_FALSE(Predict(RequestFor("digits")).ok());
  v1::PredictRequest without_input;
  without_input.set_model("digits");
  EXPECT_FALSE(Predict(without_input).ok());
  v1::PredictRequest other_method = RequestFor("digits");
  other_method.set_method("nothing");
  EXPECT_FALSE(Predict(other_method).ok());
  const RequestCounts counts = Counts("digits");
  EXPECT_EQ(Count(counts, absl::StatusCode::kInternal), 1);
  EXPECT_EQ(Count(counts, absl::StatusCode::kInvalidArgument), 1);
  EXPECT_EQ(Count(counts, absl::StatusCode::kNotFound), 1);
  EXPECT_EQ(counts.failed(), 3);
  EXPECT_EQ(counts.in_flight, 0);
  EXPECT_EQ(counts.runs[0].count, 0);
}

// Else callers could make up names until memory is full.
TEST_F(RequestMetricsRpcTest, UnknownModelsAreCountedTogether) {
  Start();
  Register("digits", "1.0", EchoModel());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Predict(RequestFor("made-up-" + std::to_string(i))).ok());
  EXPECT_FALSE(Predict(RequestFor("")).ok());
  const CountsByCode counts = table_.refused_without_model();
  EXPECT_EQ(counts[IndexOfCode(absl::StatusCode::kNotFound)], 3);
  EXPECT_EQ(counts[IndexOfCode(absl::StatusCode::kInvalidArgument)], 1);
}

TEST_F(RequestMetricsRpcTest, TheRequestIdAndTheTraceComeBack) {
  Start();
  Register("digits", "1.0", EchoModel());
  EXPECT_EQ(Echoed("digits", "x-request-id", "order-7"), "order-7");
  EXPECT_EQ(Echoed("digits", "traceparent", kTraceParent), kTraceParent);
  EXPECT_EQ(Echoed("unknown", "x-request-id", "order-8"), "order-8");
}

TEST_F(RequestMetricsRpcTest, WhatIsNoIdOrTraceIsLeftOut) {
  Start();
  Register("digits", "1.0", EchoModel());
  EXPECT_THAT(Echoed("digits", "x-request-id", std::string(200, 'x')), IsEmpty());
  EXPECT_THAT(Echoed("digits", "traceparent", "00-0-0-0"), IsEmpty());
}

}  // namespace
}  // namespace modeld
