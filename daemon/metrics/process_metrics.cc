#include "daemon/metrics/process_metrics.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace modeld {
namespace {

std::string Read(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

double Seconds(clockid_t clock) {
  struct timespec time = {};
  (void)::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

int64_t CountOpenFiles() {
  std::error_code failed;
  int64_t count = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", failed);
       !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    ++count;
  }
  return count;
}

}  // namespace

ProcessMetrics ReadProcessMetrics() {
  // Neither changes while the machine is up, but for who sets the clock.
  ProcessMetrics metrics =
      ParseProcessStat(Read("/proc/self/stat"), Seconds(CLOCK_REALTIME) - Seconds(CLOCK_BOOTTIME),
                       ::sysconf(_SC_CLK_TCK), ::sysconf(_SC_PAGESIZE));
  metrics.open_files = CountOpenFiles();
  struct rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) metrics.max_files = static_cast<int64_t>(limit.rlim_cur);
  return metrics;
}

ProcessMetrics ParseProcessStat(std::string_view text, double boot_seconds, int64_t ticks,
                                int64_t page_bytes) {
  // The second field is the program's name in parentheses, and may hold anything, these too.
  const size_t name_ends = text.rfind(')');
  if (name_ends == std::string_view::npos) return {};
  text.remove_prefix(name_ends + 1);
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ' ', absl::SkipEmpty());
  // By their numbers in proc(5), of which the first here is 3.
  const auto number = [&](size_t field) {
    int64_t value = 0;
    if (field - 3 >= fields.size() || !absl::SimpleAtoi(fields[field - 3], &value)) return int64_t{0};
    return value;
  };
  constexpr size_t kUserTime = 14, kSystemTime = 15, kThreads = 20, kStartTime = 22, kVirtual = 23,
                   kResidentPages = 24;
  const auto second = static_cast<double>(ticks);
  return {.cpu_seconds = static_cast<double>(number(kUserTime) + number(kSystemTime)) / second,
          .resident_bytes = number(kResidentPages) * page_bytes,
          .virtual_bytes = number(kVirtual),
          .threads = number(kThreads),
          .open_files = 0,
          .max_files = 0,
          .start_seconds = boot_seconds + static_cast<double>(number(kStartTime)) / second};
}

}  // namespace modeld
