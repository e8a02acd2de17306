// ServingTable: from names to versions in memory, for the request path.
//
// Publishing swaps one pointer to an immutable table, so that at every moment there is one answer to "which
// version is live", and a caller never sees the new one and then the old one. Readers mark themselves in one
// of several stripes (a mutex a stripe, chosen by thread), so that they do not contend with each other; a
// writer, after the swap, passes once through every stripe and then knows that nobody still reads the table
// before.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "daemon/lifecycle/served_version.h"
#include "registry/base/mutex.h"

namespace modeld {

// What requests can ask of one model. Immutable once published.
struct ServingEntry {
  VersionHandle live;                                       // null: none
  std::map<std::string, VersionHandle, std::less<>> ready;  // by version
  std::map<std::string, std::string, std::less<>> labels;   // label to version
  // Versions that are known but not ready, with what to tell who asks for them: `version "1.0" of model
  // "digits" is quarantined: bad magic`.
  std::map<std::string, std::string, std::less<>> unavailable;
};

// Which version of which model. At most one of `version` and `label` is not empty; neither: the live one.
struct VersionSelector {
  std::string_view model = {};
  std::string_view version = {};
  std::string_view label = {};
};

// Thread-safe.
class ServingTable {
 public:
  ServingTable();
  ~ServingTable();
  ServingTable(const ServingTable&) = delete;
  ServingTable& operator=(const ServingTable&) = delete;

  // Without contention between callers. Errors: NOT_FOUND (unknown model, with "did you mean"; unknown
  // version, with the ready ones; unknown label, with the known ones), FAILED_PRECONDITION (known but not
  // ready, with the reason; nothing live, with what is known of the versions).
  absl::StatusOr<VersionHandle> Resolve(const VersionSelector& selector) const;

  // Replaces (or, with null, removes) a model's entry. When it returns, every later Resolve sees it, and what
  // the entry before held is let go.
  void Publish(const std::string& model, std::shared_ptr<const ServingEntry> entry);
  // As Publish for each, in one swap.
  void PublishAll(std::vector<std::pair<std::string, std::shared_ptr<const ServingEntry>>> entries);
  // Removes everything.
  void Clear();

 private:
  using Table = absl::flat_hash_map<std::string, std::shared_ptr<const ServingEntry>>;
  struct alignas(64) Stripe {
    Mutex mutex;
  };

  Stripe& StripeOfThisThread() const;
  // Swaps the table in; returns the one before when nobody reads it any more, for the caller to destroy
  // outside of the lock.
  std::unique_ptr<const Table> Swap(std::unique_ptr<const Table> table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  static constexpr size_t kStripes = 64;
  mutable std::array<Stripe, kStripes> stripes_;
  Mutex write_mutex_;
  std::atomic<const Table*> table_;  // owned; never null
};

}  // namespace modeld
