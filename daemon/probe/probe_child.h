// ProbeChild: what a probe's process does.
#pragma once

#include "daemon/engine/engine.h"

namespace modeld {

// Reads its request from kChildRequestFd, confines the process, runs the probe, and writes reports to
// kChildReportFd as it goes. REQUIRES: the process was started by ProbeProcess. Returns the exit status: 0 if
// a report with an outcome was written, kProbeMachineFault if the machine is at fault (standard error says
// how). The caller ends the process with _exit: what runs after the report must not spoil it.
int ProbeChild(Engine& engine);

}  // namespace modeld
