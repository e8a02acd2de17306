// RestoreBackup: a state directory from a backup.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/base/clock.h"
#include "registry/base/file_system.h"

namespace modeld {

struct RestoreOptions {
  std::string backup;           // a directory as BackupWriter leaves it, or a state directory of no daemon
  std::string state_directory;  // made where missing
  bool force = false;           // also where a registry is there
  std::string actor;            // for the history
};

struct RestoreSummary {
  int64_t artifacts = 0;
  int64_t bytes = 0;
  // Artifacts that the backup lacks, of versions that are not served: "ab12… of digits 1.0".
  std::vector<std::string> left_out;
  std::string replaced;  // where the registry that was there is now; empty: there was none
};

// Checks the backup's registry (on a copy, migrated where an older build wrote it) and the hash of every
// artifact as it is copied; everything is on disk before the registry takes its place, last and in one step.
// A registry that was there is moved to `registry.db.before-restore-<time>`, and no artifact is removed. The
// backup is only read.
//
// FAILED_PRECONDITION: a daemon holds the state directory, a registry is there (and not `force`), or the
// backup's registry is damaged; NOT_FOUND: no backup; DATA_LOSS: an artifact of it is missing or damaged;
// else the FileSystem's error. On any failure the registry that was there still is.
absl::StatusOr<RestoreSummary> RestoreBackup(FileSystem& file_system, const Clock& clock,
                                             const RestoreOptions& options);

}  // namespace modeld
