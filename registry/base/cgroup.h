// Where the limits of this process's control group are to be read.
#pragma once

#include <string>
#include <vector>

#include "registry/base/file_system.h"

namespace modeld {

// The directories of the process's own group and of all above it, any of which may limit it; the own one
// first. `controller` is "cpu" or "memory": of cgroup v1, which has a hierarchy for each; of v2 there is one
// for all. Empty where /proc does not say. Format: https://docs.kernel.org/admin-guide/cgroup-v2.html
std::vector<std::string> CgroupDirectories(FileSystem& file_system, const std::string& controller);

// As CgroupDirectories, of the text of /proc/self/cgroup. Pure.
std::vector<std::string> ParseCgroups(const std::string& text, const std::string& controller);

}  // namespace modeld
