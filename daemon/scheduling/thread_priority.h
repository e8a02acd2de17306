// How urgent threads are, among those of the daemon.
#pragma once

namespace modeld {

// The calling thread, and those that it starts, run models for long, and get less of a CPU that gRPC's
// threads want too: nice 5 beyond what the process has. Those only bring and take away, and who waits for
// them may be a light request, a refusal or a cancellation. Not more than that: where requests are refused
// faster than models run, a quarter of the CPU is still the models'. Without effect where the kernel refuses.
void YieldToIo();

// The calling thread does what can wait, and takes what requests leave of a CPU: nice 15 beyond what the
// process has. Without effect where the kernel refuses.
void YieldToRequests();

}  // namespace modeld
