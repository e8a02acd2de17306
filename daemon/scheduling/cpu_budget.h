// CpuBudget: how many CPUs this process really has, which is often fewer than the machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/base/file_system.h"

namespace modeld {

struct CpuBudget {
  std::vector<int> cpus;  // those that the process may run on, ascending; never empty
  int count = 1;          // of CPUs' worth of time: fewer where a cgroup limits it
};

// By affinity, and by the CPU quota of the process's cgroup and those above it (cgroup v2 `cpu.max`, v1
// `cpu.cfs_quota_us`). What cannot be read limits nothing.
CpuBudget ReadCpuBudget(FileSystem& file_system);

// The CPUs that instance number `instance` of a version runs on, where each is held to CPUs of its own:
// `threads` of them in turn, from the beginning again after the last. Pure.
std::vector<int> CpusOfInstance(const std::vector<int>& cpus, int instance, int threads);

// Holds the calling thread, and those that it starts, to these CPUs. False where the kernel refuses.
bool HoldThisThreadTo(const std::vector<int>& cpus);

// CPUs of a `cpu.max`: "150000 100000" is 1.5; none: "max 100000", or nothing that is understood. Pure.
// Format: https://docs.kernel.org/admin-guide/cgroup-v2.html
std::optional<double> ParseCpuMax(std::string_view text);

// Whole CPUs of a quota: rounded up, at least 1. Pure.
int WholeCpus(double quota);

}  // namespace modeld
