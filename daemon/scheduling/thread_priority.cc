#include "daemon/scheduling/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace modeld {
namespace {

constexpr int kBehindIo = 5;
constexpr int kBehindRequests = 15;
constexpr int kNicest = 19;

void BeNicer(int by) {
  // The process's own, not this thread's: who starts an instance may be one.
  const int usual = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::getpid()));
  // For one thread alone: Linux takes a thread's id, whatever POSIX says.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), std::min(usual + by, kNicest));
}

}  // namespace

void YieldToIo() { BeNicer(kBehindIo); }
void YieldToRequests() { BeNicer(kBehindRequests); }

}  // namespace modeld
