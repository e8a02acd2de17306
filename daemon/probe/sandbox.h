// The confinement of a probe's process. Every part of it that this system refuses is named, not an error:
// what can be applied is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/probe/probe_limits.h"

namespace modeld {

// The calling thread, and what it starts, runs only where nothing else wants to: SCHED_IDLE, nice 19, idle
// I/O. Returns what could not be applied: "priority: sched_setscheduler: operation not permitted".
std::vector<std::string> LowerPriority();

// What the driver of a LoadRequest::device opens for writing, of what there is on this machine; empty for the
// CPU.
std::vector<std::string> DeviceFiles(const std::string& device);

// Confines the calling process, for good: lowest priority, first to be killed where memory ends, limits on
// address space, CPU time, core and other files, no capabilities but that to read, no network, no write
// access to the file system, no other processes. Returns what could not be applied. REQUIRES: descriptors
// that the process needs are open already, for writing too.
//
// With `devices`, paths of devices that may be written to, the process has what the driver of a GPU needs, as
// is known of CUDA's: write access is Landlock's to refuse alone, and is left to the process's own threads'
// entries in /proc, which the driver names; the address space has no limit, since it maps all the memory that
// it might ever use, nor have files, such as those it makes in memory; and it listens on a Unix socket.
std::vector<std::string> Confine(const ProbeLimits& limits, const std::vector<std::string>& devices = {});

// The calling process ends when the thread that started it does. False if that thread has gone already.
bool DieWithParent(int64_t parent_process);

// Of the machine, or of what the container grants; for the default limit.
int64_t MachineMemoryBytes();

}  // namespace modeld
