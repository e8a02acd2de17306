#include "daemon/probe/conclusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;
using How = ProbeEnd::How;

constexpr ProbeLimits kLimits{.wall = absl::Seconds(90), .cpu = absl::Seconds(60), .memory_bytes = 1};

v1::ProbeReport At(const std::string& stage) {
  v1::ProbeReport report;
  report.set_stage(stage);
  return report;
}

TEST(ConcludeTest, HowAProcessEndedSaysWhatBecameOfTheVersion) {
  const struct {
    ProbeEnd end;
    const char* last_words;
    v1::ProbeOutcome outcome;
    const char* reason;
  } cases[] = {
      {{How::kKilled, SIGSEGV}, "", v1::PROBE_OUTCOME_CRASHED, "killed by SIGSEGV while loading"},
      {{How::kKilled, SIGABRT}, "assert", v1::PROBE_OUTCOME_CRASHED, "killed by SIGABRT while loading"},
      {{How::kKilled, SIGABRT},
       "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n",
       v1::PROBE_OUTCOME_OUT_OF_MEMORY,
       "memory ran out while loading"},
      {{How::kKilled, SIGKILL},
       "",
       v1::PROBE_OUTCOME_OUT_OF_MEMORY,
       "killed by SIGKILL while loading, most likely by the kernel, because memory ran out"},
      {{How::kKilled, SIGXCPU},
       "",
       v1::PROBE_OUTCOME_TIMED_OUT,
       "used more than 1m of CPU time while loading"},
      {{How::kTooLong, SIGKILL}, "", v1::PROBE_OUTCOME_TIMED_OUT, "took longer than 1m30s while loading"},
      {{How::kNoReport, SIGKILL}, "", v1::PROBE_OUTCOME_CRASHED, "wrote what is no report while loading"},
      {{How::kExited, 0}, "", v1::PROBE_OUTCOME_CRASHED, "ended with exit status 0 while loading"},
  };
  for (const auto& c : cases) {
    ASSERT_OK_AND_ASSIGN(const v1::ProbeReport report, Conclude(At("loading"), c.end, c.last_words, kLimits));
    EXPECT_EQ(report.outcome(), c.outcome) << c.reason;
    EXPECT_EQ(report.reason(), c.reason);
    EXPECT_EQ(report.last_words(), c.last_words);
    EXPECT_NE(report.hint(), "");
  }
}

TEST(ConcludeTest, AnOutcomeStaysHoweverTheProcessEnded) {
  v1::ProbeReport passed;
  passed.set_outcome(v1::PROBE_OUTCOME_PASSED);
  for (const ProbeEnd& end : {ProbeEnd{How::kKilled, SIGSEGV}, ProbeEnd{How::kKilled, SIGKILL},
                              ProbeEnd{How::kExited, kProbeMachineFault}, ProbeEnd{How::kTooLong, 0}}) {
    ASSERT_OK_AND_ASSIGN(const v1::ProbeReport report, Conclude(passed, end, "warning: x", kLimits));
    EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
    EXPECT_EQ(report.last_words(), "warning: x");
  }
}

TEST(ConcludeTest, TheMachinesFaultsSayNothingOfTheVersion) {
  EXPECT_THAT(Conclude(At("loading"), {How::kExited, kProbeMachineFault}, "a\nb: no such file\n", kLimits),
              StatusIs(absl::StatusCode::kUnavailable, "b: no such file"));
  EXPECT_THAT(Conclude(At("loading"), {How::kKilled, SIGTERM}, "", kLimits),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("from outside, by SIGTERM")));
  EXPECT_THAT(Conclude(At("loading"), {How::kStarved, SIGKILL}, "", kLimits),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("too busy")));
  for (const char* stage : {"", kProbeStarting}) {
    EXPECT_THAT(Conclude(At(stage), {How::kKilled, SIGILL}, "", kLimits),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("was killed by SIGILL before")));
    EXPECT_THAT(Conclude(At(stage), {How::kExited, 127}, "cannot open libfoo.so\n", kLimits),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("libfoo.so")));
  }
}

TEST(ConcludeTest, LastWordsAreMadeFitForAMessage) {
  ASSERT_OK_AND_ASSIGN(const v1::ProbeReport report,
                       Conclude(At("loading"), {How::kKilled, SIGSEGV}, "\xff!", kLimits));
  EXPECT_EQ(report.last_words(), "\xEF\xBF\xBD!");
}

TEST(ConcludeTest, WhoPassedHasPassedHoweverThePlansEnd) {
  v1::ProbeReport last = At("trying it as libtorch frozen");
  last.set_outcome(v1::PROBE_OUTCOME_PASSED);
  EXPECT_FALSE(IsFinal(last));
  ASSERT_OK_AND_ASSIGN(const v1::ProbeReport report, Conclude(last, {How::kKilled, SIGSEGV}, "", kLimits));
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_EQ(report.stage(), "");
  EXPECT_TRUE(IsFinal(report));
}

TEST(IsFinalTest, ARefusalIsWhereverItComesFrom) {
  v1::ProbeReport report = At("loading");
  EXPECT_FALSE(IsFinal(report));
  report.set_outcome(v1::PROBE_OUTCOME_NOT_LOADABLE);
  EXPECT_TRUE(IsFinal(report));
}

}  // namespace
}  // namespace modeld
