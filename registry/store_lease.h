// StoreLease: who may do what to the artifact store at once. Many may read it through (a backup, a check), or
// one may remove from it. Adding artifacts needs no lease.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe.
class StoreLeases {
 public:
  // Held while it lives. Move-only; the StoreLeases outlives it.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

   private:
    friend class StoreLeases;
    explicit Lease(StoreLeases* leases) : leases_(leases) {}
    StoreLeases* leases_;  // null: moved from
  };

  // `what` is for whom the other one's message is: "a backup is running". FAILED_PRECONDITION, at once, with
  // the holder's `what` where that does not go with it.
  absl::StatusOr<Lease> Read(const std::string& what);
  absl::StatusOr<Lease> Remove(const std::string& what);

 private:
  absl::Status Busy() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Return();

  Mutex mutex_;
  int holders_ ABSL_GUARDED_BY(mutex_) = 0;
  bool removing_ ABSL_GUARDED_BY(mutex_) = false;  // the one holder removes
  std::string what_ ABSL_GUARDED_BY(mutex_);       // of the last one that came
};

}  // namespace modeld
