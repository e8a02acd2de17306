// CombinedIdentity: one identity that stands for several files, as they are compared for equality only. Pure.
#pragma once

#include <string_view>

#include "registry/base/file_system.h"

namespace modeld {

// Adds a file to `all`, which begins all zero. The result depends on the order: two files that trade places
// are a change. The same in every build, as it is remembered across restarts.
void CombineIdentity(const FileIdentity& added, FileIdentity& all);
// As above, and depends on the file's name too.
void CombineIdentity(std::string_view name, const FileIdentity& added, FileIdentity& all);

}  // namespace modeld
