// Deadlines of calls, as ours.
#pragma once

#include <grpc/support/time.h>

#include "absl/time/time.h"

namespace modeld {

// `context.raw_deadline()` of a server's context; InfiniteFuture: the caller set none.
//
// Not `context.deadline()`: the nanoseconds of std::chrono end in the year 2262, and beyond it they overflow
// to a deadline that has passed. 292 years, all that an int64 of nanoseconds holds, is some callers' "for
// ever".
inline absl::Time DeadlineOf(gpr_timespec raw_deadline) {
  if (::gpr_time_cmp(raw_deadline, ::gpr_inf_future(raw_deadline.clock_type)) == 0) {
    return absl::InfiniteFuture();
  }
  const gpr_timespec wall = ::gpr_convert_clock_type(raw_deadline, GPR_CLOCK_REALTIME);
  return absl::FromUnixSeconds(wall.tv_sec) + absl::Nanoseconds(wall.tv_nsec);
}

}  // namespace modeld
