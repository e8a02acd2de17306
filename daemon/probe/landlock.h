// Landlock (see landlock(7)): no write access, by the kernel's own account of files.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace modeld {

// From now on the calling thread, and those that it starts, may not write, make, remove or rename anything in
// the file system but write to the files `writable`, or below them, nor open TCP connections or reach other
// processes' abstract sockets where the kernel's Landlock knows of them. What is open stays so. UNIMPLEMENTED
// where the kernel has no Landlock.
absl::Status RefuseWriting(const std::vector<std::string>& writable = {});

}  // namespace modeld
