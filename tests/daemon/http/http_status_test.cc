#include "daemon/http/http_status.h"

#include <gmock/gmock.h>

#include "daemon/scheduling/retry_after.h"
#include "registry/base/too_large.h"

namespace modeld {
namespace {

TEST(HttpStatusTest, CodesHaveTheirNumbers) {
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kInvalidArgument, "why")), 400);
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kNotFound, "why")), 404);
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kFailedPrecondition, "why")), 409);
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kResourceExhausted, "why")), 429);
  EXPECT_EQ(HttpStatusOf(TooLargeError("to try again is of no use")), 413);
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kInternal, "why")), 500);
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kUnimplemented, "why")), 501);
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kUnavailable, "why")), 503);
  EXPECT_EQ(HttpStatusOf(absl::Status(absl::StatusCode::kDeadlineExceeded, "why")), 504);
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
