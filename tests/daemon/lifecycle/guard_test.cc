#include "daemon/lifecycle/guard.h"

#include <gmock/gmock.h>

#include <string>

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Counts made by hand; `milliseconds` is what every answered request took.
StatsWindow Window(int64_t requests, int64_t errors, double milliseconds, int64_t looked = 0, int64_t nan = 0,
                   int64_t nan_of_huge = 0) {
  StatsWindow window;
  window.requests = requests;
  window.errors = errors;
  window.looked_for_nan = looked;
  window.not_a_number = nan;
  window.nan_of_huge = nan_of_huge;
  window.latency.counts[LatencyCounts::BucketOf(static_cast<int64_t>(milliseconds * 1e6))] =
      requests - errors;
  return window;
}

GuardLimits Limits() { return {}; }
GuardLimits LatencyLimits(double ratio) {
  GuardLimits limits;
  limits.max_latency_ratio = ratio;
  return limits;
}
GuardLimits NanAllowed() {
  GuardLimits limits;
  limits.allow_nan = true;
  return limits;
}
GuardLimits AtOnce(double max_error_ratio) {
  GuardLimits limits;
  limits.min_requests = 0;
  limits.max_error_ratio = max_error_ratio;
  return limits;
}

struct Case {
  const char* what;
  GuardLimits limits;
  StatsWindow window;
  StatsWindow baseline;
  const char* rule;  // of the breach; empty: there is none
};

TEST(GuardTest, Judges) {
  const Case cases[] = {
      {"nothing happened", Limits(), {}, {}, ""},
      {"all is well", Limits(), Window(100, 0, 1), Window(100, 0, 1), ""},

      {"one NaN is enough", Limits(), Window(1, 0, 1, 1, 1), Window(100, 0, 1), "not_a_number"},
      {"the baseline was looked at, too", Limits(), Window(9, 0, 1, 9, 1), Window(100, 0, 1, 50, 0),
       "not_a_number"},
      {"one NaN of an infinite input is none of its own", Limits(), Window(7, 0, 1, 7, 1, 1),
       Window(9, 0, 1, 9), ""},
      {"one beside it is", Limits(), Window(7, 0, 1, 7, 2, 1), Window(9, 0, 1, 9), "not_a_number"},
      {"but many of them are", Limits(), Window(99, 0, 1, 99, 9, 9), Window(99, 0, 1, 99), "not_a_number"},
      {"NaN is what it means", NanAllowed(), Window(100, 0, 1, 100, 100), Window(100, 0, 1), ""},
      {"the baseline gave NaN, too", Limits(), Window(100, 0, 1, 100, 6), Window(100, 0, 1, 100, 2), ""},
      {"but much less", Limits(), Window(100, 0, 1, 100, 8), Window(100, 0, 1, 100, 2), "not_a_number"},
      {"or too few were looked at", Limits(), Window(19, 0, 1, 19, 19), Window(100, 0, 1, 100, 2), ""},

      {"too few requests", Limits(), Window(19, 19, 1), Window(100, 0, 1), ""},
      {"just enough requests", Limits(), Window(20, 20, 1), Window(100, 0, 1), "error_ratio"},
      {"as many errors as allowed", Limits(), Window(100, 5, 1), Window(100, 0, 1), ""},
      {"one more", Limits(), Window(100, 6, 1), Window(100, 0, 1), "error_ratio"},
      {"the baseline failed as often", Limits(), Window(100, 50, 1), Window(100, 48, 1), ""},
      {"the baseline failed less often", Limits(), Window(100, 50, 1), Window(100, 40, 1), "error_ratio"},
      {"it fails less than the baseline", Limits(), Window(100, 1, 1), Window(100, 40, 1), ""},
      {"the baseline had no requests", Limits(), Window(100, 6, 1), {}, "error_ratio"},
      {"no error is allowed, none came", AtOnce(0), Window(1, 0, 1), {}, ""},
      {"no error is allowed, one came", AtOnce(0), Window(1, 1, 1), {}, "error_ratio"},
      {"nothing ran, and ratios are judged at once", AtOnce(0), {}, {}, ""},

      {"latency is not judged unless asked", Limits(), Window(100, 0, 900), Window(100, 0, 1), ""},
      {"within the ratio", LatencyLimits(1.5), Window(100, 0, 14), Window(100, 0, 10), ""},
      {"beyond the ratio", LatencyLimits(1.5), Window(100, 0, 17), Window(100, 0, 10), "latency_ratio"},
      {"too few requests for latency", LatencyLimits(1.5), Window(19, 0, 90), Window(100, 0, 10), ""},
      {"too few of the baseline", LatencyLimits(1.5), Window(100, 0, 90), Window(19, 0, 10), ""},
      {"too few were answered", LatencyLimits(1.5), Window(100, 3, 90), Window(100, 90, 10), ""},
      {"a ratio of next to nothing", LatencyLimits(1.5), Window(100, 0, 0.09), Window(100, 0, 0.01), ""},
      {"faster", LatencyLimits(1.5), Window(100, 0, 1), Window(100, 0, 10), ""},

      {"NaN before errors", Limits(), Window(100, 90, 1, 10, 1), Window(100, 0, 1), "not_a_number"},
      {"errors before latency", LatencyLimits(1.1), Window(100, 50, 90), Window(100, 0, 1), "error_ratio"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const std::optional<Breach> breach = Judge(one.limits, one.window, one.baseline);
    ASSERT_EQ(breach.has_value(), *one.rule != '\0') << (breach ? breach->reason : "");
    if (!breach.has_value()) continue;
    EXPECT_THAT(breach->evidence, HasSubstr(std::string(R"("rule":")") + one.rule + "\""));
  }
}

TEST(GuardTest, TheReasonSaysWhatWasMeasuredAndWhatIsAllowed) {
  EXPECT_EQ(
      Judge(Limits(), Window(100, 31, 1), Window(500, 5, 1), "version 1.0")->reason,
      "31 of 100 requests failed by its fault, for version 1.0 5 of 500; allowed beyond that ratio: 0.05");
  EXPECT_EQ(Judge(Limits(), Window(9, 0, 1, 8, 2), {}, "version 1.0")->reason,
            "2 of 8 answers hold NaN; version 1.0 gave none");
  EXPECT_EQ(Judge(Limits(), Window(100, 0, 1, 100, 50), Window(100, 0, 1, 100, 10), "version 1.0")->reason,
            "the ratio of answers that hold NaN is 0.5, for version 1.0 0.1; allowed beyond that: 0.05");
  EXPECT_THAT(Judge(LatencyLimits(1.5), Window(100, 0, 40), Window(100, 0, 10))->reason,
              AllOf(HasSubstr("its median latency is 4"), HasSubstr(" ms, for the version before it "),
                    HasSubstr("allowed: 1.5 times that")));
}

TEST(GuardTest, TheEvidenceHoldsTheFiguresOfBoth) {
  const std::string evidence = Judge(Limits(), Window(100, 31, 1), Window(500, 5, 1))->evidence;
  EXPECT_THAT(evidence,
              AllOf(HasSubstr(R"("limit":0.05)"), HasSubstr(R"("requests":100)"), HasSubstr(R"("errors":31)"),
                    HasSubstr(R"("requests":500)"), HasSubstr(R"("baseline":{)"), HasSubstr(R"("watched":{)"),
                    HasSubstr(R"("latency_p99_seconds":0.00)")));
}

TEST(GuardTest, LimitsAreTheConfigsOrTheDefaults) {
  const GuardLimits defaults = GuardLimitsOf({}, absl::Seconds(300));
  EXPECT_EQ(defaults.watch, absl::Seconds(300));
  EXPECT_EQ(defaults.max_error_ratio, 0.05);
  EXPECT_FALSE(defaults.max_latency_ratio.has_value());
  EXPECT_EQ(defaults.min_requests, 20);
  EXPECT_FALSE(defaults.allow_nan);

  v1::GuardConfig config;
  config.set_watch_seconds(0);
  config.set_max_error_ratio(0);
  config.set_max_latency_ratio(1.5);
  config.set_min_requests(7);
  config.set_allow_nan(true);
  const GuardLimits limits = GuardLimitsOf(config, absl::Seconds(300));
  EXPECT_EQ(limits.watch, absl::ZeroDuration());
  EXPECT_EQ(limits.max_error_ratio, 0);
  EXPECT_EQ(limits.max_latency_ratio, 1.5);
  EXPECT_EQ(limits.min_requests, 7);
  EXPECT_TRUE(limits.allow_nan);
}

}  // namespace
}  // namespace modeld
