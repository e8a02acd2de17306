// ProbedElsewhere: that what a version is refused for may be the place, and not the version. Pure function.
#pragma once

#include <string>

#include "modeld/v1/probe.pb.h"

namespace modeld {

// "; its probe passed with libtorch 2.13.0 on AMD EPYC 7763, and this is libtorch 2.13.0+onednn on it".
// `before` is the report of the version's last probe; `engine` and `machine` are as a report of this place
// would have them. Empty: it did not pass, passed here, or not all is known.
std::string ProbedElsewhere(const v1::ProbeReport& before, const std::string& engine,
                            const std::string& machine);

}  // namespace modeld
