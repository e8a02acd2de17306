#include "daemon/scheduling/cpu_budget.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "registry/base/cgroup.h"

namespace modeld {
namespace {

constexpr size_t kMaxBytes = 64 << 10;

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
  }
  // More CPUs than such a set holds.
  for (int cpu = 0; cpus.empty() && cpu < static_cast<int>(std::thread::hardware_concurrency()); ++cpu) {
    cpus.push_back(cpu);
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

std::optional<double> QuotaOfDirectory(FileSystem& file_system, const std::string& directory) {
  if (const absl::StatusOr<std::string> v2 = ReadFile(file_system, directory + "/cpu.max", kMaxBytes);
      v2.ok()) {
    return ParseCpuMax(*v2);
  }
  const absl::StatusOr<std::string> quota = ReadFile(file_system, directory + "/cpu.cfs_quota_us", kMaxBytes);
  const absl::StatusOr<std::string> period =
      ReadFile(file_system, directory + "/cpu.cfs_period_us", kMaxBytes);
  if (!quota.ok() || !period.ok()) return std::nullopt;
  return ParseCpuMax(absl::StrCat(*quota, " ", *period));
}

// Of the process's cgroup and all above it: the least.
std::optional<double> Quota(FileSystem& file_system) {
  std::optional<double> least;
  for (const std::string& directory : CgroupDirectories(file_system, "cpu")) {
    const std::optional<double> quota = QuotaOfDirectory(file_system, directory);
    if (quota.has_value()) least = std::min(*quota, least.value_or(*quota));
  }
  return least;
}

}  // namespace

std::vector<int> CpusOfInstance(const std::vector<int>& cpus, int instance, int threads) {
  std::vector<int> chosen;
  for (int thread = 0; thread < std::min(threads, static_cast<int>(cpus.size())); ++thread) {
    chosen.push_back(cpus[static_cast<size_t>(instance * threads + thread) % cpus.size()]);
  }
  return chosen;
}

bool HoldThisThreadTo(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  return ::sched_setaffinity(0, sizeof(set), &set) == 0;
}

std::optional<double> ParseCpuMax(std::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(absl::string_view(text.data(), text.size()),
                                                        absl::ByAnyChar(" \n\t"), absl::SkipEmpty());
  double quota = 0, period = 0;
  if (words.size() != 2 || !absl::SimpleAtod(words[0], &quota) || !absl::SimpleAtod(words[1], &period) ||
      !(quota > 0) || !(period > 0)) {
    return std::nullopt;
  }
  return quota / period;
}

int WholeCpus(double quota) { return static_cast<int>(std::clamp(std::ceil(quota), 1.0, 1e6)); }

CpuBudget ReadCpuBudget(FileSystem& file_system) {
  CpuBudget budget{.cpus = AllowedCpus(), .count = 0};
  budget.count = static_cast<int>(budget.cpus.size());
  if (const std::optional<double> quota = Quota(file_system)) {
    budget.count = std::min(budget.count, WholeCpus(*quota));
  }
  return budget;
}

}  // namespace modeld
