// The system calls that a probe may not make: a seccomp filter (see seccomp(2)), written by hand.
#pragma once

#include "absl/status/status.h"

namespace modeld {

struct FilterOptions {
  // The driver of a GPU works in the process. Files may be opened for writing and created: something else
  // says which. Unix sockets may be made, bound and listened on, but nothing connects or is accepted: CUDA
  // does not begin without a socket that others of the same GPU could ask for memory.
  bool for_gpu = false;
};

// From now on all threads of this process are refused, with EPERM where nothing else is said:
//   the network: sockets;
//   writing to the file system: opening for writing or creating (EACCES), making, removing, renaming, links,
//     modes, owners, times, attributes;
//   other processes: starting (fork, exec), signals, tracing, reading their memory, their priorities;
//   io_uring (ENOSYS), which does all of these without system calls; and what administers the machine.
// Threads may be started, memory mapped (also to execute: oneDNN generates code), files read. For good: there
// is no way back. UNIMPLEMENTED where this architecture or kernel has no filters.
absl::Status FilterSystemCalls(const FilterOptions& options = {});

}  // namespace modeld
