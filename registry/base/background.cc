#include "registry/base/background.h"

#include <sched.h>

namespace modeld {

void LowerPriorityOfThisThread() {
  // For this thread alone: Linux takes 0 for the caller's thread id, whatever POSIX says.
  const sched_param none = {};
  (void)::sched_setscheduler(0, SCHED_IDLE, &none);
}

}  // namespace modeld
