// What a version has done, in the Open Inference Protocol's words. Pure functions of what was counted.
#pragma once

#include <cstdint>

#include "daemon/lifecycle/request_metrics.h"
#include "daemon/lifecycle/served_version.h"
#include "inference/grpc_service.pb.h"

namespace modeld {

// All but the names. As in Triton: what is counted beside failures is of requests that were answered; each
// request of a batch counts with the whole of its run; and runs (execution_count) are fewer than requests
// where these share one.
void FillStatistics(const RequestCounts& counts, inference::ModelStatistics* statistics);

// Since the version was loaded.
inference::ModelStatistics StatisticsOf(const ServedVersion& version);

}  // namespace modeld
