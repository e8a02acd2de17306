// StoreCare: collects the garbage of one store, checks it and backs it up. The daemon's handlers and
// `modelctl
// --db` share it, so that they cannot disagree.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "modeld/v1/admin_service.pb.h"
#include "registry/artifact_store.h"
#include "registry/backup.h"
#include "registry/base/clock.h"
#include "registry/base/file_system.h"
#include "registry/garbage.h"
#include "registry/registry.h"
#include "registry/store_lease.h"
#include "registry/version_keeper.h"

namespace modeld {

// Asked now and then by what takes long; true: nobody waits for it any more.
using CancelledFn = std::function<bool()>;

// Thread-safe. What cannot be done beside something that runs already is FAILED_PRECONDITION, saying what
// runs.
class StoreCare {
 public:
  // All outlive it.
  StoreCare(Registry* registry, const ArtifactStore* store, FileSystem* file_system, const Clock* clock,
            VersionKeeper* keeper);

  // From now on what takes long is given up: CANCELLED.
  void Stop() { stopping_ = true; }

  // Versions are collected in the registry first, then their artifacts are removed; what cannot be removed is
  // an orphan of the next time. A version that came to be needed meanwhile is left out.
  // INVALID_ARGUMENT for numbers below 0; NOT_FOUND for an unknown model.
  absl::StatusOr<v1::CollectGarbageResponse> CollectGarbage(const v1::CollectGarbageRequest& request);

  // See store_check.h. CANCELLED.
  absl::StatusOr<v1::VerifyStoreResponse> Verify(const v1::VerifyStoreRequest& request,
                                                 const CancelledFn& cancelled);

  // See backup.h.
  absl::Status Backup(const v1::BackupRequest& request, const TakeBackupFn& take,
                      const CancelledFn& cancelled);

 private:
  absl::StatusOr<GarbagePlan> Plan(const v1::CollectGarbageRequest& request);
  absl::Status Apply(const v1::CollectGarbageRequest& request, GarbagePlan* plan);
  // `cancelled`, or Stop was called.
  CancelledFn OrStopping(const CancelledFn& cancelled) const {
    return [this, &cancelled] { return stopping_ || cancelled(); };
  }

  Registry* const registry_;
  const ArtifactStore* const store_;
  FileSystem* const file_system_;
  const Clock* const clock_;
  VersionKeeper* const keeper_;
  StoreLeases leases_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace modeld
