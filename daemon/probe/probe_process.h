// ProbeProcess: tries versions in a process of their own, one at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/probe/probe_request.h"
#include "modeld/v1/probe.pb.h"
#include "registry/base/pacer.h"
#include "registry/base/unique_fd.h"

namespace modeld {

class ChildProcess;

// Thread-safe: Run is called by one thread at a time, Cancel by any.
class ProbeProcess {
 public:
  // Runs `command`, the path of a program and its arguments, for each probe; this program itself by default.
  // While `serving` tells of requests the process rests between short slices of time (Pacer).
  explicit ProbeProcess(std::vector<std::string> command = OwnCommand({}), Pacer::Serving serving = {});
  // `arguments` are for its engines.
  static std::vector<std::string> OwnCommand(std::vector<std::string> arguments);
  ~ProbeProcess();

  // Starts a process, waits until it has reported or ended, but not longer than limits.wall (or ten times
  // that, where the machine has other things to do), and ends it. `parent_process` is filled in. See Conclude
  // for what comes of it; the report also says when and on which machine, and how long it took. Errors beyond
  // those: the process could not be started; CANCELLED after Cancel.
  absl::StatusOr<v1::ProbeReport> Run(ProbeRequest request);

  // Ends the Run that goes on, and every later one, at once. For good.
  void Cancel();

 private:
  const std::vector<std::string> command_;
  Pacer pacer_;               // of the thread in Run
  const UniqueFd cancelled_;  // eventfd: readable after Cancel
};

}  // namespace modeld
