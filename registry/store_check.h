// CheckStore: whether the registry and the artifact store hold what they say. RepairStore: mends what can be.
//
//   finding    repair
//   database   none: restore a backup
//   missing    the good versions that need it are quarantined
//   damaged    the same, then the file is removed
//   orphan     removed
// Where a live version needs it, all is left as it is: to mend that, drop its file again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "modeld/v1/admin_service.pb.h"
#include "registry/artifact_store.h"
#include "registry/base/clock.h"
#include "registry/base/file_system.h"
#include "registry/records.h"
#include "registry/registry.h"
#include "registry/version_keeper.h"

namespace modeld {

struct StoreFinding {
  v1::StoreFinding message;
  std::vector<ArtifactUse> uses;
};

struct StoreReport {
  std::vector<StoreFinding> findings;
  int64_t artifacts = 0;  // that were read
  int64_t bytes = 0;
};

// Reads every needed artifact, a bounded piece at a time, and asks `cancelled` before each (CANCELLED). Files
// that nothing needs are orphans if they are old enough at `now`. REQUIRES: nothing is removed from the store
// meanwhile; what is added does not disturb.
absl::StatusOr<StoreReport> CheckStore(Registry& registry, const ArtifactStore& store,
                                       FileSystem& file_system, absl::Time now,
                                       const std::function<bool()>& cancelled);

// Says in each finding what was done about it, and records an event if anything was. An error means that
// nothing more was done from there on. What was mended since it was found is left as it is.
absl::Status RepairStore(Registry& registry, const ArtifactStore& store, FileSystem& file_system,
                         VersionKeeper& keeper, const std::string& actor, const Clock& clock,
                         StoreReport* report);

}  // namespace modeld
