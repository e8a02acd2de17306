// How much memory the calling process takes, as the kernel counts it.
#pragma once

#include <cstdint>

namespace modeld {

// Anonymous memory, in bytes: what the process wrote itself, and nobody else has. Code and data of libraries
// are not in it. Memory that the allocator holds but nobody uses is given back first. 0 where /proc is not
// there.
int64_t AnonymousBytes();

// The most of the process's memory that was resident at any time since ForgetPeak, libraries included; minus
// what is not anonymous now. 0 as above.
int64_t PeakAnonymousBytes();
// Writes to /proc: before the process is confined. Where that fails, the peak is that of the whole process's
// life.
void ForgetPeak();

// Size of the address space in bytes.
int64_t AddressSpaceBytes();

}  // namespace modeld
