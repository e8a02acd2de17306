// StampArchive: writes name and version into a TorchScript archive, as its `extra/config.json`, without
// LibTorch. The model's own entries are not moved or changed, so that it loads and maps as before.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "registry/base/file_system.h"
#include "registry/stamp_config.h"

namespace modeld {

// Of the archive at `path`, through links; into `output`, or, where that is empty, in place. What is written
// is complete and read back before it takes its place in one step; mode and owner stay. On failure neither
// file is changed.
//
// Errors: those of ReadArchive, StampConfig and FileSystem; ALREADY_EXISTS: `output` is there, and not
// `stamp.force`; ABORTED: the archive changed meanwhile.
absl::StatusOr<StampedConfig> StampArchive(FileSystem& file_system, const std::string& path,
                                           const std::string& output, const Stamp& stamp);

}  // namespace modeld
