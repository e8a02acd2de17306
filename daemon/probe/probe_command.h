// `modeld --probe FILE`: tries a file as the daemon would, for people and for pipelines.
#pragma once

#include "daemon/engine/engine.h"

namespace modeld {

// Whether the command line is one of ProbeMain's: its first argument is `--probe`, or the one with which
// ProbeProcess starts this program again.
bool IsProbe(int argc, const char* const* argv);

// Tries the file that the command line names, in a process of its own, and prints the report on standard
// output as JSON. Returns the exit status: 0 it passed, 1 it was refused, 2 the command line is wrong, 3 it
// could not be tried. In the process of its own: runs the probe, and does not return.
int ProbeMain(int argc, const char* const* argv, Engine& engine);

}  // namespace modeld
