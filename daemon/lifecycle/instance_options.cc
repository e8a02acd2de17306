#include "daemon/lifecycle/instance_options.h"

#include <algorithm>

#include "registry/base/status_macros.h"

namespace modeld {

InstancePlan InstancePlanOf(const v1::ModelConfig& config, const SchedulingDefaults& defaults,
                            int measured_threads) {
  const v1::ExecutionConfig& execution = config.execution();
  int threads = execution.threads_per_instance();
  if (threads <= 0) threads = defaults.threads_per_instance;
  if (threads <= 0) threads = measured_threads;
  return PlanInstances(execution.instances() > 0 ? execution.instances() : defaults.instances, threads,
                       defaults.cpus);
}

absl::StatusOr<InstanceGroupOptions> InstanceOptionsOf(const v1::ModelConfig& config,
                                                       const InstancePlan& plan, const Executable& executable,
                                                       const std::vector<DeclaredTensor>& inputs,
                                                       const SchedulingDefaults& defaults,
                                                       std::vector<std::string>* warnings) {
  warnings->insert(warnings->end(), plan.warnings.begin(), plan.warnings.end());

  InstanceGroupOptions options;
  options.instances = plan.instances;
  options.threads_per_instance = plan.threads_per_instance;
  options.pin_to = defaults.pin_to;
  options.max_queue_calls = defaults.max_queue_calls;
  options.max_queue_bytes = defaults.max_queue_bytes;

  const v1::BatchingConfig& batching = config.batching();
  if (batching.max_batch_size() <= 1) return options;
  if (executable.stateful()) {
    // Rows of a batch would see what others write.
    warnings->push_back(
        "batching: requests are not joined, for the module writes its attributes while it runs");
    return options;
  }
  MODELD_ASSIGN_OR_RETURN(options.batching, MakeBatchRule(executable.methods().front(), inputs));
  options.batch.max_rows = batching.max_batch_size();
  options.batch.max_delay = absl::Microseconds(batching.max_queue_delay_us());
  options.batch.preferred_rows.assign(batching.preferred_batch_sizes().begin(),
                                      batching.preferred_batch_sizes().end());
  std::sort(options.batch.preferred_rows.begin(), options.batch.preferred_rows.end());
  options.pad_batches = batching.pad_to_preferred();
  return options;
}

}  // namespace modeld
