#include "daemon/scheduling/instance_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

int HeldTo(int most, int wanted, const char* what, int cpus, std::vector<std::string>* warnings) {
  if (wanted <= most) return wanted;
  warnings->push_back(absl::StrCat(what, " is ", wanted, ", held to ", most, ": this process may use ", cpus,
                                   cpus == 1 ? " CPU" : " CPUs"));
  return most;
}

}  // namespace

InstancePlan PlanInstances(int instances, int threads_per_instance, int cpus) {
  InstancePlan plan;
  const int most = std::max(1, cpus);
  plan.threads_per_instance =
      HeldTo(most, std::max(1, threads_per_instance), "threads_per_instance", most, &plan.warnings);
  const int room = std::max(1, most / plan.threads_per_instance);
  plan.instances = instances <= 0 ? room : HeldTo(room, instances, "instances", most, &plan.warnings);
  return plan;
}

}  // namespace modeld
