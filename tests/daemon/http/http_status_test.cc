#include "daemon/http/http_status.h"

#include <gmock/gmock.h>

#include "daemon/scheduling/retry_after.h"

namespace modeld {
namespace {

TEST(HttpStatusTest, CodesHaveTheirNumbers) {
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kInvalidArgument), 400);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kNotFound), 404);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kFailedPrecondition), 409);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kResourceExhausted), 429);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kInternal), 500);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kUnimplemented), 501);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kUnavailable), 503);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kDeadlineExceeded), 504);
}

TEST(HttpStatusTest, BodiesHaveCodeAndMessage) {
  EXPECT_EQ(ErrorBody(absl::NotFoundError("no \"x\"")), R"({"error":"no \"x\"","code":"NOT_FOUND"})");
}

TEST(HttpStatusTest, AFullQueueSaysWhenToTryAgain) {
  absl::Status status = absl::ResourceExhaustedError("full");
  EXPECT_EQ(RetryAfterSeconds(status), std::nullopt);
  SetRetryAfter(absl::Milliseconds(10), status);
  EXPECT_EQ(RetryAfterSeconds(status), 1);
}

}  // namespace
}  // namespace modeld
