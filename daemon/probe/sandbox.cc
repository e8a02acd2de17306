#include "daemon/probe/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "daemon/probe/landlock.h"
#include "daemon/probe/process_memory.h"
#include "daemon/probe/syscall_filter.h"
#include "registry/base/cgroup.h"
#include "registry/base/errno_status.h"
#include "registry/base/sanitized.h"
#include "registry/base/unique_fd.h"

namespace modeld {
namespace {

// For what the allocator and threads' stacks reserve without using it.
constexpr int64_t kReservedBytes = int64_t{512} << 20;
constexpr rlim_t kOpenFiles = 256;

// What could not be applied, by the part of the confinement that it belongs to.
class Unconfined {
 public:
  void Check(const char* part, const char* call, int result) {
    if (result < 0) Add(part, ErrnoStatus(errno, call));
  }
  void Add(const char* part, const absl::Status& why) {
    if (!why.ok()) parts_.push_back(absl::StrCat(part, ": ", std::string(why.message())));
  }
  std::vector<std::string> Take() { return std::move(parts_); }

 private:
  std::vector<std::string> parts_;
};

void LowerPriority(Unconfined& unconfined) {
  const sched_param none = {};
  unconfined.Check("priority", "sched_setscheduler", ::sched_setscheduler(0, SCHED_IDLE, &none));
  // What the thread has where the policy is refused. Of a thread, as everything of Linux that has a `who`.
  unconfined.Check("priority", "setpriority", ::setpriority(PRIO_PROCESS, 0, 19));
  constexpr int kWhoProcess = 1, kIdleClass = 3 << 13;
  unconfined.Check("I/O priority", "ioprio_set",
                   static_cast<int>(::syscall(__NR_ioprio_set, kWhoProcess, 0, kIdleClass)));
}

// Where memory ends, the kernel kills the process with the highest value first.
absl::Status BeKilledFirst() {
  const char* const path = "/proc/self/oom_score_adj";
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  constexpr std::string_view kHighest = "1000";
  if (!fd.valid() || ::write(fd.get(), kHighest.data(), kHighest.size()) < 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

int Limit(int resource, rlim_t soft, rlim_t hard) {
  rlimit now = {};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0) return -1;
  const rlimit limit = {.rlim_cur = std::min(soft, now.rlim_max), .rlim_max = std::min(hard, now.rlim_max)};
  return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

void LimitAddressSpace(const ProbeLimits& limits, Unconfined& unconfined) {
  if (kSanitized) {
    unconfined.Add("address space", absl::UnimplementedError("not limited in a build with sanitizers"));
    return;
  }
  const int64_t memory = limits.memory_bytes > 0 ? limits.memory_bytes : MachineMemoryBytes() / 2;
  // Every arena of the C library's allocator reserves 64 MiB of addresses; tcmalloc has none.
  ::mallopt(M_ARENA_MAX, 2);
  const auto space = static_cast<rlim_t>(AddressSpaceBytes() + memory + kReservedBytes);
  unconfined.Check("address space", "setrlimit", Limit(RLIMIT_AS, space, space));
}

void LimitResources(const ProbeLimits& limits, bool for_gpu, Unconfined& unconfined) {
  // The soft limit ends it with SIGXCPU, by which the parent knows; the hard one if that is ignored.
  const auto seconds = static_cast<rlim_t>(
      std::max<int64_t>(absl::ToInt64Seconds(absl::Ceil(limits.cpu, absl::Seconds(1))), 1));
  unconfined.Check("CPU time", "setrlimit", Limit(RLIMIT_CPU, seconds, seconds + 5));
  unconfined.Check("core files", "setrlimit", Limit(RLIMIT_CORE, 0, 0));
  // Pipes are no files to it, but memory files are.
  if (!for_gpu) unconfined.Check("file size", "setrlimit", Limit(RLIMIT_FSIZE, 0, 0));
  unconfined.Check("open files", "setrlimit", Limit(RLIMIT_NOFILE, kOpenFiles, kOpenFiles));
}

// All but the one to read everything: without it root may not read what belongs to others, though it started
// the probe of just that.
absl::Status DropCapabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(__NR_capget, &header, sets) != 0) return ErrnoStatus(errno, "capget");
  constexpr uint32_t kKept = 1u << CAP_DAC_READ_SEARCH;
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    const uint32_t kept = i == 0 ? kKept : 0;
    sets[i] = {
        .effective = sets[i].effective & kept, .permitted = sets[i].permitted & kept, .inheritable = 0};
  }
  if (::syscall(__NR_capset, &header, sets) != 0) return ErrnoStatus(errno, "capset");
  return absl::OkStatus();
}

// Each of network, write access and processes by one of two ways; the system calls' filter does all three.
void Enclose(const std::vector<std::string>& devices, Unconfined& unconfined) {
  const bool for_gpu = !devices.empty();
  std::vector<std::string> writable = devices;
  if (for_gpu) writable.push_back("/proc/self/task");
  const absl::Status landlock = RefuseWriting(writable);
  const absl::Status filter = FilterSystemCalls({.for_gpu = for_gpu});
  if (!filter.ok() || for_gpu) unconfined.Add("write access", landlock);
  if (filter.ok()) return;
  unconfined.Add("processes", filter);
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWNET) != 0) {
    unconfined.Add("network", ErrnoStatus(errno, "unshare"));
  }
}

}  // namespace

std::vector<std::string> LowerPriority() {
  Unconfined unconfined;
  LowerPriority(unconfined);
  return unconfined.Take();
}

std::vector<std::string> DeviceFiles(const std::string& device) {
  std::vector<std::string> files;
  if (device.empty()) return files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", error)) {
    const std::string name = entry.path().filename();
    if (name.rfind("nvidia", 0) == 0 && !entry.is_directory(error)) files.push_back(entry.path());
  }
  return files;
}

std::vector<std::string> Confine(const ProbeLimits& limits, const std::vector<std::string>& devices) {
  Unconfined unconfined;
  LowerPriority(unconfined);
  unconfined.Add("memory", BeKilledFirst());
  if (devices.empty()) LimitAddressSpace(limits, unconfined);
  LimitResources(limits, /*for_gpu=*/!devices.empty(), unconfined);
  unconfined.Add("capabilities", DropCapabilities());
  Enclose(devices, unconfined);
  return unconfined.Take();
}

bool DieWithParent(int64_t parent_process) {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && ::getppid() == parent_process;
}

int64_t MachineMemoryBytes() {
  int64_t memory = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  for (const std::string& directory : CgroupDirectories(*FileSystem::Real(), "memory")) {
    for (const char* file : {"/memory.max", "/memory.limit_in_bytes"}) {  // of v2, and of v1
      int64_t limit = 0;
      if (std::ifstream(directory + file) >> limit && limit > 0) memory = std::min(memory, limit);
    }
  }
  return memory;
}

}  // namespace modeld
