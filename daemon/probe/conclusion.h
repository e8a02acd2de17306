// Conclude: what became of a probe, from how its process ended and what it had told by then. Pure function.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/probe/probe_limits.h"
#include "modeld/v1/probe.pb.h"

namespace modeld {

// What the process says it is doing before it has looked at anything of the version.
inline constexpr char kProbeStarting[] = "starting";
// Its exit status where the machine is at fault; standard error says how.
inline constexpr int kProbeMachineFault = 3;

// Whether the process has nothing more to tell. A version that passed is still tried by other plans while
// there is a stage.
inline bool IsFinal(const v1::ProbeReport& report) {
  return report.outcome() != v1::PROBE_OUTCOME_UNSPECIFIED &&
         (report.outcome() != v1::PROBE_OUTCOME_PASSED || report.stage().empty());
}

struct ProbeEnd {
  enum class How {
    kExited,    // `code` is the exit status
    kKilled,    // `code` is the signal
    kTooLong,   // it was ended for its wall time
    kStarved,   // it was ended because the machine had other things to do for too long
    kNoReport,  // it was ended because it wrote what is no report
  };
  How how = How::kExited;
  int code = 0;
};

// `last` is the last report that arrived. One with an outcome is what the probe came to, however the process
// ended after it. Else the report says what ended it (CRASHED, TIMED_OUT, OUT_OF_MEMORY), what it was doing
// then, and what may be done about it. An error, INTERNAL or UNAVAILABLE, where the process failed before it
// looked at the version, or was starved: that says nothing of the version.
absl::StatusOr<v1::ProbeReport> Conclude(v1::ProbeReport last, const ProbeEnd& end,
                                         const std::string& last_words, const ProbeLimits& limits);

}  // namespace modeld
