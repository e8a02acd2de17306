// What a version has done, in the Open Inference Protocol's words. Pure function.
#pragma once

#include "daemon/lifecycle/served_version.h"
#include "inference/grpc_service.pb.h"

namespace modeld {

inference::ModelStatistics StatisticsOf(const ServedVersion& version);

}  // namespace modeld
