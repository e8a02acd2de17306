// The guard's judgement: does a version do worse than it may? Pure functions of counts; who watches what, and
// for how long, is the Manager's.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "daemon/lifecycle/version_stats.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// What a version is held to after it went live, and as a canary.
struct GuardLimits {
  absl::Duration watch = absl::ZeroDuration();  // 0: it is not watched
  double max_error_ratio = 0.05;                // beyond the baseline's
  std::optional<double> max_latency_ratio;      // of the baseline's median; none: latency is not judged
  int64_t min_requests = 20;                    // before ratios are judged
  bool allow_nan = false;
};

// The config's limits; `default_watch` where it does not say how long.
GuardLimits GuardLimitsOf(const v1::GuardConfig& config, absl::Duration default_watch);

// Why a version is not to stay.
struct Breach {
  std::string reason;  // for people: "31 of 100 requests failed by its fault, for version 1.0 1 of 500; …"
  std::string evidence;  // a JSON object with the figures
};

// Judges what a version did since it is watched against what `baseline` did (the version before it, or live
// where a canary is judged). None: nothing is wrong, as far as can be told. In this order:
//   NaN      an answer held one, and none of the baseline's did; where the baseline's did too, or only
//   answers
//            to huge inputs held one, as the errors
//   errors   the ratio of errors is more than max_error_ratio above the baseline's (0 where it had no
//   request),
//            after min_requests of the window
//   latency  the median is more than max_latency_ratio times the baseline's, and 0.1 ms above it, after
//            min_requests answered by both
// `baseline_name` is how reasons call the baseline: "version 1.0".
std::optional<Breach> Judge(const GuardLimits& limits, const StatsWindow& window, const StatsWindow& baseline,
                            const std::string& baseline_name = "the version before it");

}  // namespace modeld
