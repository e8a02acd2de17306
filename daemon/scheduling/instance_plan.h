// InstancePlan: how many instances of a version run, on how many threads each. Pure.
#pragma once

#include <string>
#include <vector>

namespace modeld {

struct InstancePlan {
  int instances = 1;
  int threads_per_instance = 1;
  std::vector<std::string> warnings;  // what was asked for and is not given, and why
};

// 0 stands for "not said". Together they are held to `cpus`: more threads than CPUs take turns, and each then
// takes longer. Where nothing is said: one thread each, and as many instances as there are CPUs, which
// answers the most requests in a time; see docs/performance.md.
InstancePlan PlanInstances(int instances, int threads_per_instance, int cpus);

}  // namespace modeld
