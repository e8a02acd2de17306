#include "daemon/lifecycle/serving_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/lifecycle/stable_hash.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

constexpr std::string_view kLiveLabel = "live";

// What is known of the version that should be live: the one with the label, else the highest.
std::string WhyNothingIsLive(const ServingEntry& entry) {
  const auto& unavailable = entry.unavailable;
  if (unavailable.empty()) return "it has no version that can be served";
  if (const auto live = entry.labels.find(kLiveLabel); live != entry.labels.end()) {
    if (const auto known = unavailable.find(live->second); known != unavailable.end()) return known->second;
  }
  const auto highest =
      std::max_element(unavailable.begin(), unavailable.end(),
                       [](const auto& a, const auto& b) { return CompareVersions(a.first, b.first) < 0; });
  return highest->second;
}

absl::Status NothingLive(std::string_view model, const ServingEntry& entry) {
  return absl::FailedPreconditionError(
      absl::StrCat("model ", Quote(model), " has no live version: ", WhyNothingIsLive(entry)));
}

absl::Status UnknownModel(std::string_view model, const std::vector<std::string>& models) {
  if (models.empty()) {
    return absl::NotFoundError(absl::StrCat("no model ", Quote(model), ": no model is registered yet"));
  }
  return absl::NotFoundError(
      absl::StrCat("no model ", Quote(model), DidYouMean(model, models), "; models served: ", models.size()));
}

std::string ListLabels(const ServingEntry& entry) {
  return absl::StrJoin(entry.labels, ", ",
                       [](std::string* out, const auto& known) { out->append(known.first); });
}

absl::StatusOr<VersionHandle> ResolveVersion(std::string_view model, std::string_view version,
                                             const ServingEntry& entry) {
  if (const auto ready = entry.ready.find(version); ready != entry.ready.end()) return ready->second;
  if (const auto known = entry.unavailable.find(version); known != entry.unavailable.end()) {
    return absl::FailedPreconditionError(known->second);
  }
  std::vector<std::string> versions;
  for (const auto& [ready, unused] : entry.ready) versions.push_back(ready);
  return absl::NotFoundError(absl::StrCat("model ", Quote(model), " has no version ", Quote(version),
                                          "; ready: ", ListVersions(std::move(versions)),
                                          entry.labels.empty() ? "" : "; labels: ", ListLabels(entry)));
}

absl::StatusOr<VersionHandle> ResolveLabel(std::string_view model, std::string_view label,
                                           const ServingEntry& entry) {
  if (const auto known = entry.labels.find(label); known != entry.labels.end()) {
    return ResolveVersion(model, known->second, entry);
  }
  const std::string labels = entry.labels.empty() ? "none" : ListLabels(entry);
  return absl::NotFoundError(
      absl::StrCat("model ", Quote(model), " has no label ", Quote(label), "; labels: ", labels));
}

absl::StatusOr<VersionHandle> ResolveIn(const VersionSelector& selector, const ServingEntry& entry) {
  if (!selector.version.empty()) return ResolveVersion(selector.model, selector.version, entry);
  if (!selector.label.empty() && selector.label != kLiveLabel) {
    return ResolveLabel(selector.model, selector.label, entry);
  }
  if (entry.live == nullptr) return NothingLive(selector.model, entry);
  return entry.live;
}

// The shadow's draw must not depend on the canary's, or the two would share or avoid the same requests.
constexpr uint64_t kShadowSalt = 0x5ad0c0de5ad0c0deULL;

bool NamesNothing(const VersionSelector& selector) {
  return selector.version.empty() && selector.label.empty();
}

bool HasTraffic(const ServingEntry& entry) { return entry.canary != nullptr || entry.shadow != nullptr; }

absl::StatusOr<Route> Draw(std::string_view model, uint64_t request, const ServingEntry& entry) {
  const uint64_t hash = StableHash().Add(model).Add(request).Finish();
  if (entry.canary != nullptr && InShare(hash, entry.canary_share))
    return Route{entry.canary, nullptr, nullptr};
  if (entry.live == nullptr) return NothingLive(model, entry);
  Route route{entry.live, nullptr, nullptr};
  if (entry.shadow != nullptr && entry.shadow != entry.live &&
      InShare(StableHash::Mix(hash ^ kShadowSalt), entry.shadow_share)) {
    route.shadow = entry.shadow;
    route.shadow_stats = entry.shadow_stats;
  }
  return route;
}

}  // namespace

ServingTable::ServingTable() : table_(new Table) {}

ServingTable::~ServingTable() { delete table_.load(); }

template <typename Result>
absl::StatusOr<Result> ServingTable::WithEntry(
    std::string_view model,
    absl::FunctionRef<absl::StatusOr<Result>(const std::shared_ptr<const ServingEntry>&)> read) const {
  std::vector<std::string> models;
  {
    MutexLock reading(&StripeOfThisThread().mutex);
    const Table& table = *table_.load(std::memory_order_acquire);
    // Debian's abseil has a string_view of its own.
    if (const auto found = table.find(absl::string_view(model.data(), model.size())); found != table.end()) {
      return read(found->second);
    }
    models.reserve(table.size());
    for (const auto& [known, unused] : table) models.push_back(known);
  }
  // Looking for what was meant takes a while where there are many models: not while a writer may wait.
  return UnknownModel(model, models);
}

absl::StatusOr<VersionHandle> ServingTable::Resolve(const VersionSelector& selector) const {
  return WithEntry<VersionHandle>(selector.model, [&](const std::shared_ptr<const ServingEntry>& entry) {
    return ResolveIn(selector, *entry);
  });
}

absl::StatusOr<Route> ServingTable::RouteRequest(const VersionSelector& selector,
                                                 absl::FunctionRef<uint64_t()> hash) const {
  std::shared_ptr<const ServingEntry> drawn_from;
  absl::StatusOr<Route> route = WithEntry<Route>(
      selector.model, [&](const std::shared_ptr<const ServingEntry>& entry) -> absl::StatusOr<Route> {
        if (NamesNothing(selector) && HasTraffic(*entry)) {
          drawn_from = entry;
          return Route{};
        }
        MODELD_ASSIGN_OR_RETURN(VersionHandle version, ResolveIn(selector, *entry));
        return Route{std::move(version), nullptr, nullptr};
      });
  if (drawn_from == nullptr) return route;
  // The hash reads the request: not while a writer may wait.
  return Draw(selector.model, hash(), *drawn_from);
}

void ServingTable::CountRefused(std::string_view model, absl::StatusCode code) const {
  MutexLock reading(&StripeOfThisThread().mutex);
  const Table& table = *table_.load(std::memory_order_acquire);
  const auto found = table.find(absl::string_view(model.data(), model.size()));
  RefusedRequests* const of_model = found == table.end() ? nullptr : found->second->refused.get();
  (of_model == nullptr ? refused_without_model_ : *of_model).Count(code);
}

void ServingTable::Publish(const std::string& model, std::shared_ptr<const ServingEntry> entry) {
  PublishAll({{model, std::move(entry)}});
}

void ServingTable::PublishAll(
    std::vector<std::pair<std::string, std::shared_ptr<const ServingEntry>>> entries) {
  std::unique_ptr<const Table> before;
  {
    MutexLock lock(&write_mutex_);
    auto table = std::make_unique<Table>(*table_.load());
    for (auto& [model, entry] : entries) {
      if (entry == nullptr) {
        table->erase(model);
      } else {
        (*table)[model] = std::move(entry);
      }
    }
    before = Swap(std::move(table));
  }
}

void ServingTable::Clear() {
  std::unique_ptr<const Table> before;
  {
    MutexLock lock(&write_mutex_);
    before = Swap(std::make_unique<Table>());
  }
}

ServingTable::Stripe& ServingTable::StripeOfThisThread() const {
  static std::atomic<size_t> threads{0};
  thread_local const size_t stripe = threads.fetch_add(1, std::memory_order_relaxed) % kStripes;
  return stripes_[stripe];
}

std::unique_ptr<const ServingTable::Table> ServingTable::Swap(std::unique_ptr<const Table> table) {
  std::unique_ptr<const Table> before(table_.exchange(table.release(), std::memory_order_acq_rel));
  // Who holds a stripe now may still read the table before; who takes it later sees the new one.
  for (Stripe& stripe : stripes_) MutexLock pass(&stripe.mutex);
  return before;
}

}  // namespace modeld
