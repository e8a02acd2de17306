#include "daemon/predict/request_log.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class RequestLogTest : public testing::Test {
 protected:
  void Start(const RequestLogOptions& options) {
    log_ = std::make_unique<RequestLog>(
        &clock_, options,
        [this](LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
          lines_.push_back(FormatLogLine(level, message, fields));
        });
  }
  void Note(const absl::Status& status, absl::Duration took, const RequestTrace& trace = {}) {
    const int64_t nanoseconds = absl::ToInt64Nanoseconds(took);
    const bool models_fault = status.code() == absl::StatusCode::kInternal;
    if (!log_->Wants(models_fault, nanoseconds)) return;
    log_->Write({.trace = &trace,
                 .model = "digits",
                 .version = "1.0",
                 .status = &status,
                 .models_fault = models_fault,
                 .total_nanoseconds = nanoseconds,
                 .queue_nanoseconds = 1'500'000,
                 .run_nanoseconds = 250'000});
  }

  ManualClock clock_;
  std::unique_ptr<RequestLog> log_;
  std::vector<std::string> lines_;
};

TEST_F(RequestLogTest, SaysNothingOfWhatIsTheCallersFault) {
  Start({});
  Note(absl::OkStatus(), absl::Hours(1));
  Note(absl::InvalidArgumentError("no such input"), absl::Milliseconds(1));
  Note(absl::ResourceExhaustedError("the queue is full"), absl::Milliseconds(1));
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(RequestLogTest, AFaultOfTheModelIsALineWithAllThatFindsIt) {
  Start({});
  Note(absl::InternalError("it raised"), absl::Milliseconds(2),
       {.request_id = "order-7", .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"});
  EXPECT_THAT(lines_,
              ElementsAre("level=error msg=\"request failed by the model's fault\" model=digits version=1.0 "
                          "code=INTERNAL total_ms=2.000 queue_ms=1.500 run_ms=0.250 request_id=order-7 "
                          "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 "
                          "error=\"it raised\""));
}

TEST_F(RequestLogTest, WhatTakesLongIsALine) {
  Start({.slow = absl::Milliseconds(100)});
  Note(absl::OkStatus(), absl::Milliseconds(99));
  Note(absl::OkStatus(), absl::Milliseconds(100));
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_THAT(lines_[0], HasSubstr("level=warning msg=\"request took long\""));
  EXPECT_THAT(lines_[0], Not(HasSubstr("request_id")));
}

TEST_F(RequestLogTest, AStormOfFaultsDoesNotFillTheDisk) {
  Start({});
  for (int i = 0; i < 10'000; ++i) Note(absl::InternalError("it raised"), absl::Milliseconds(1));
  EXPECT_LE(lines_.size(), 50u);
  clock_.Advance(absl::Seconds(1));
  lines_.clear();
  Note(absl::InternalError("it raised"), absl::Milliseconds(1));
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_THAT(lines_[0], HasSubstr("left_out=9950"));
}

TEST_F(RequestLogTest, AllRequestsAreLoggedWhereThatIsAskedFor) {
  Start({.all = true});
  for (int i = 0; i < 200; ++i) Note(absl::OkStatus(), absl::Milliseconds(1));
  Note(absl::InvalidArgumentError("no such input"), absl::Milliseconds(1));
  ASSERT_EQ(lines_.size(), 201u);
  EXPECT_THAT(lines_[0], HasSubstr("level=info msg=\"request\""));
  EXPECT_THAT(lines_[200], HasSubstr("code=INVALID_ARGUMENT"));
}

TEST(RequestIdTest, IsShortAndPrintable) {
  EXPECT_TRUE(IsRequestId("7d1e-A_b"));
  EXPECT_TRUE(IsRequestId(std::string(128, 'x')));
  EXPECT_FALSE(IsRequestId(""));
  EXPECT_FALSE(IsRequestId(std::string(129, 'x')));
  EXPECT_FALSE(IsRequestId("two words"));
  EXPECT_FALSE(IsRequestId("line\nfeed"));
  EXPECT_FALSE(IsRequestId("\xc3\xa4"));
}

}  // namespace
}  // namespace modeld
