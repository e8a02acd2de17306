// From a version's config to how its requests are scheduled. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/signature.h"
#include "daemon/scheduling/instance_group.h"
#include "daemon/scheduling/instance_plan.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// What holds for every version whose config does not say otherwise. 0: not said.
struct SchedulingDefaults {
  int instances = 0;
  int threads_per_instance = 0;
  int cpus = 1;                  // that the process may use
  std::vector<int> pin_to = {};  // those that instances are held to; empty: they are not
  size_t max_queue_calls = 1024;
  int64_t max_queue_bytes = int64_t{1} << 30;
};

// How many instances the version has, on how many threads each. `measured_threads` are what its plan takes
// where nobody says; 0: not known.
InstancePlan InstancePlanOf(const v1::ModelConfig& config, const SchedulingDefaults& defaults,
                            int measured_threads = 0);

// INVALID_ARGUMENT: `batching` asks for what the declared inputs do not allow. A stateful module is not
// batched. Appends to `warnings`.
absl::StatusOr<InstanceGroupOptions> InstanceOptionsOf(const v1::ModelConfig& config,
                                                       const InstancePlan& plan, const Executable& executable,
                                                       const std::vector<DeclaredTensor>& inputs,
                                                       const SchedulingDefaults& defaults,
                                                       std::vector<std::string>* warnings);

}  // namespace modeld
