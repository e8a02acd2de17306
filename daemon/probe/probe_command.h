// `modeld --probe FILE`: tries a file as the daemon would, for people and for pipelines.
#pragma once

#include <string>
#include <vector>

#include "daemon/engine/engine.h"

namespace modeld {

// Whether the command line is one of ProbeMain's: its first argument is `--probe`, or the one with which
// ProbeProcess starts this program again.
bool IsProbe(int argc, const char* const* argv);

// Tries the file that `arguments` name, the command line without the program's name, in a process of its own,
// and prints the report on standard output as JSON. `for_engine` are more arguments, of which another process
// makes the same engine. Returns the exit status: 0 it passed, 1 it was refused, 2 the command line is wrong,
// 3 it could not be tried. In the process of its own: runs the probe, and does not return.
int ProbeMain(std::vector<std::string> arguments, Engine& engine, const std::vector<std::string>& for_engine);

}  // namespace modeld
