#include "daemon/rpc/status_convert.h"

#include <gmock/gmock.h>

#include <string>

#include "daemon/codec/utf8.h"

namespace modeld {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Lt;
using testing::StartsWith;

TEST(StatusConvertTest, EveryCodeKeepsItsNumberAndMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(status.error_message(), "why");
  }
}

TEST(StatusConvertTest, LongMessageKeepsItsBeginAndItsEnd) {
  const std::string trace =
      "model \"digits\" version 1.0: Traceback" + std::string(100'000, '\n') + "RuntimeError: bad";
  const grpc::Status status = ToGrpcStatus(absl::InternalError(trace));
  EXPECT_THAT(status.error_message().size(), Lt(2500u));
  EXPECT_THAT(status.error_message(), StartsWith("model \"digits\" version 1.0: Traceback"));
  EXPECT_THAT(status.error_message(), HasSubstr("bytes left out]"));
  EXPECT_THAT(status.error_message(), EndsWith("RuntimeError: bad"));
}

TEST(StatusConvertTest, MessageBecomesUtf8AlsoWhereACutSplitsACharacter) {
  EXPECT_EQ(ToGrpcStatus(absl::InternalError("Z\xfcrich")).error_message(), "Z\xef\xbf\xbdrich");
  std::string euros;
  for (int i = 0; i < 2000; ++i) euros += "\xe2\x82\xac";
  EXPECT_TRUE(IsUtf8(ToGrpcStatus(absl::InternalError(euros)).error_message()));
}

}  // namespace
}  // namespace modeld
