// ChildProcess: a process that was started, with pipes from it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/probe/conclusion.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// Descriptors as the child has them.
inline constexpr int kChildRequestFd = 3;  // a file to read the request from
inline constexpr int kChildReportFd = 4;   // a pipe to write reports to

// Not thread-safe. Destroying it kills the process and waits for its end.
//
// The process is started by a thread of its own, with lowest priority, which lasts as long as this: so the
// process has that priority from its first instruction on, and a parent-death signal that it asks for comes
// when the parent dies and not before.
class ChildProcess {
 public:
  // Runs `arguments[0]` (no search of PATH) in a process group of its own, with no signal blocked or ignored,
  // nothing on standard input, and standard output and error both going to `output()`. No other descriptor is
  // inherited. INTERNAL or RESOURCE_EXHAUSTED where that fails.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& arguments,
                                                             const std::string& request);
  ~ChildProcess();

  int report() const { return report_.get(); }
  int output() const { return output_.get(); }

  // The kernel's account of its main thread; zero where unknown.
  struct Schedule {
    absl::Duration ran;      // exact while it does not run
    absl::Duration delayed;  // ready to run, but it did not
  };
  Schedule Scheduled() const;
  // Keeps it from running until Continue.
  void Pause();
  void Continue();
  // Kills it if it still runs, waits for it, and tells how it ended: one that ended by itself before is not
  // changed by that. Once.
  ProbeEnd End();

 private:
  class Starter;
  ChildProcess(std::unique_ptr<Starter> starter, pid_t process, UniqueFd report, UniqueFd output);

  const std::unique_ptr<Starter> starter_;
  pid_t process_;  // 0: ended
  const UniqueFd report_, output_;
};

}  // namespace modeld
