// What the allocator keeps of what was freed.
#pragma once

namespace modeld {

// Gives it back to the system. Allocators keep it for later use: after a model is destroyed that is most of
// what it took, and what loading it took besides. Takes milliseconds. Thread-safe.
void ReturnFreeMemory();

}  // namespace modeld
