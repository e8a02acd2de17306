// ServingTable: from names to versions in memory, for the request path; and which requests without a version
// or label go to a canary, or are copied to a shadow.
//
// Publishing swaps one pointer to an immutable table, so that at every moment there is one answer to "which
// version is live", and a caller never sees the new one and then the old one. Readers mark themselves in one
// of several stripes (a mutex a stripe, chosen by thread), so that they do not contend with each other; a
// writer, after the swap, passes once through every stripe and then knows that nobody still reads the table
// before.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "daemon/lifecycle/request_metrics.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/lifecycle/shadow_stats.h"
#include "registry/base/mutex.h"

namespace modeld {

// What requests can ask of one model. Immutable once published.
struct ServingEntry {
  VersionHandle live;                                       // null: none
  std::map<std::string, VersionHandle, std::less<>> ready;  // by version
  // Label to version, all of them: `live`, `previous`, `canary` and people's own; whether ready or not.
  std::map<std::string, std::string, std::less<>> labels;
  // Versions that are known but not ready, with what to tell who asks for them: `version "1.0" of model
  // "digits" is quarantined: bad magic`.
  std::map<std::string, std::string, std::less<>> unavailable;

  // Answers this share of the requests that name neither version nor label. Null: no canary, or it is not
  // ready; then live answers.
  VersionHandle canary;
  double canary_share = 0;
  // Gets copies of this share of the requests of that kind that live answers. Null: no shadow, or it is not
  // ready; else `shadow_stats` is not null.
  VersionHandle shadow;
  double shadow_share = 0;
  std::shared_ptr<ShadowStats> shadow_stats;
  // Counts the requests that no version is found for. Null: nobody asks.
  std::shared_ptr<RefusedRequests> refused = nullptr;
};

// Where a request goes.
struct Route {
  VersionHandle version;  // answers it; never null
  // Gets a copy, and `shadow_stats` what that came to. Null: there is no copy.
  VersionHandle shadow;
  std::shared_ptr<ShadowStats> shadow_stats;
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
  //
  // Neither version nor label means live, never the canary: for who asks about the model, not for its
  // requests.
  absl::StatusOr<VersionHandle> Resolve(const VersionSelector& selector) const;

  // As Resolve, for a request: one that names neither version nor label (`live` is one) may go to the canary,
  // or be copied to the shadow. `hash` of the request, a StableHash, decides; it is called only where there
  // is a canary or shadow. The same hash takes the same way while the shares stay, in every process; a share
  // that grows keeps who was in it. Canary and shadow are drawn independently of each other, and of other
  // models.
  absl::StatusOr<Route> RouteRequest(const VersionSelector& selector,
                                     absl::FunctionRef<uint64_t()> hash) const;

  // Counts a request that was refused before a version was found for it. Those to models that are not in the
  // table are counted together: names that callers make up must not add up to anything.
  void CountRefused(std::string_view model, absl::StatusCode code) const;
  // To models that are not in the table.
  CountsByCode refused_without_model() const { return refused_without_model_.Snapshot(); }

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

  // The model's entry handed to `read` with its stripe held: `read` must be quick. NOT_FOUND: no such model.
  template <typename Result>
  absl::StatusOr<Result> WithEntry(
      std::string_view model,
      absl::FunctionRef<absl::StatusOr<Result>(const std::shared_ptr<const ServingEntry>&)> read) const;
  Stripe& StripeOfThisThread() const;
  // Swaps the table in; returns the one before when nobody reads it any more, for the caller to destroy
  // outside of the lock.
  std::unique_ptr<const Table> Swap(std::unique_ptr<const Table> table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  static constexpr size_t kStripes = 64;
  mutable std::array<Stripe, kStripes> stripes_;
  mutable RefusedRequests refused_without_model_;
  Mutex write_mutex_;
  std::atomic<const Table*> table_;  // owned; never null
};

}  // namespace modeld
