#include "registry/store_lease.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld {

StoreLeases::Lease::Lease(Lease&& other) noexcept : leases_(std::exchange(other.leases_, nullptr)) {}

StoreLeases::Lease::~Lease() {
  if (leases_ != nullptr) leases_->Return();
}

absl::StatusOr<StoreLeases::Lease> StoreLeases::Read(const std::string& what) {
  MutexLock lock(&mutex_);
  if (removing_) return Busy();
  ++holders_;
  what_ = what;
  return Lease(this);
}

absl::StatusOr<StoreLeases::Lease> StoreLeases::Remove(const std::string& what) {
  MutexLock lock(&mutex_);
  if (holders_ > 0) return Busy();
  ++holders_;
  removing_ = true;
  what_ = what;
  return Lease(this);
}

absl::Status StoreLeases::Busy() const {
  return absl::FailedPreconditionError(absl::StrCat(what_, "; try again when that is done"));
}

void StoreLeases::Return() {
  MutexLock lock(&mutex_);
  --holders_;
  removing_ = false;
}

}  // namespace modeld
