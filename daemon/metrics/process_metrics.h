// What the system says of this process, under the names that all Prometheus clients use.
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
#pragma once

#include <cstdint>
#include <string_view>

namespace modeld {

struct ProcessMetrics {
  double cpu_seconds = 0;
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  int64_t threads = 0;
  int64_t open_files = 0;
  int64_t max_files = 0;
  double start_seconds = 0;  // since the epoch
};

// Of /proc/self. What cannot be read is 0.
ProcessMetrics ReadProcessMetrics();

// What `stat` of proc(5) says, without the open files. Pure. `boot_seconds`: since the epoch; the unit of
// times is 1/`ticks` of a second. All 0 where the text is not understood.
ProcessMetrics ParseProcessStat(std::string_view text, double boot_seconds, int64_t ticks,
                                int64_t page_bytes);

}  // namespace modeld
