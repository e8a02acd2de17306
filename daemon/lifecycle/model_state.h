// ModelState: everything the daemon knows of one model, and what follows from it.
//
// A state machine without I/O, threads or clock: facts come in through the methods that change it ("a load
// ended"), and the const ones say what follows (which version should be live, what to load, what requests
// and people see). The Manager executes; it also commits to the registry before it tells the fact.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/lifecycle/lifecycle_metrics.h"
#include "daemon/lifecycle/load_queue.h"
#include "daemon/lifecycle/memory_plan.h"
#include "daemon/lifecycle/model_view.h"
#include "daemon/lifecycle/policy.h"
#include "daemon/lifecycle/serving_table.h"
#include "registry/records.h"
#include "registry/version_order.h"

namespace modeld {

// What is known of one version.
struct VersionSlot {
  VersionRecord record;
  bool probing = false;
  bool loading = false;
  VersionHandle handle;  // the instance that may serve; null: none
  // Instances in memory: that one, and earlier ones that requests still hold or that are being destroyed.
  int instances = 0;
  int64_t instance_bytes = 0;  // what each of them takes, measured or estimated
  uint64_t loaded_as = 0;      // ascending: who was loaded earlier
  // It gave up its memory for another version, and is not wished for until something happens to its model.
  bool made_room = false;

  // The plan by which it is to be loaded again: found after it was loaded, or while it is. Empty: none.
  std::string reload_plan;

  bool prepared = false;  // of a release that is not live yet: it stays in memory

  // Commands that wait for it to be loaded: while there are any, it stays in memory.
  int holds = 0;
  int live_holds = 0;   // those of them that mean to make it live
  bool urgent = false;  // one of them wants it loaded now

  // Of the machine's fault; cleared when a load succeeds.
  int failures = 0;  // in a row
  std::string load_error;
  absl::Time retry_at;
  // One of them by other than a lack of memory: what serves does not go for another try of its own.
  bool gives_way = false;

  // For who waits, to see that something happened meanwhile.
  uint64_t failed_loads = 0;  // ever
  absl::Status last_failure;
  uint64_t retirements = 0;  // ever

  std::vector<std::string> load_warnings;

  bool usable() const { return record.disposition == Disposition::kGood; }
};

// What is to be done for a model, each list most urgent first.
struct ModelWishes {
  std::vector<LoadWish> probes;
  std::vector<LoadWish> loads;
};

VersionState StateOf(const VersionSlot& slot);

// What an instance of it takes, as far as is known before it is loaded.
int64_t BytesOf(const VersionRecord& record);

// How long to wait after the n-th failed load in a row: one second, doubling to a minute.
absl::Duration LoadBackOff(int failures);

// Not thread-safe. REQUIRES for every method with a `version`: it is registered, except where said.
class ModelState {
 public:
  // `probes`: versions are probed before they are loaded for the first time.
  explicit ModelState(ModelRecord record, bool probes = false);

  const std::string& name() const { return name_; }
  const LiveState& live() const { return live_; }
  const Routing& routing() const { return routing_; }
  // Null: not registered. Valid as long as the ModelState.
  const VersionSlot* Find(const std::string& version) const;
  bool Usable(std::string_view version) const;  // false also where it is not registered
  std::string HighestUsable() const;            // that is not held; empty: none
  std::vector<std::string> Versions() const;
  // True if requests that name no version are answered.
  bool Serving() const;

  // --- Facts ---

  void AddVersion(VersionRecord record);
  void SetDisposition(const std::string& version, Disposition disposition, const std::string& reason);
  void SetLive(LiveState live);
  void SetRouting(Routing routing);
  // Whether a release that brought the version keeps it from live.
  void SetHeld(const std::string& version, bool held);
  // Whether a release that is pending needs it in memory.
  void SetPrepared(const std::string& version, bool prepared);

  void BeginProbe(const std::string& version);
  // The probe came to a verdict, as the registry records it.
  void EndProbe(const std::string& version, bool passed, int64_t resident_bytes);
  void BeginLoad(const std::string& version);
  // `loaded_as` ascends over all models, from one load to the next.
  void EndLoad(const std::string& version, VersionHandle handle, std::vector<std::string> warnings,
               uint64_t loaded_as = 0);
  // It is to be loaded again to run by `plan`, and takes so much memory then. Where it is being loaded: after
  // that, unless it runs by the plan then. REQUIRES: it is in memory, or being loaded.
  void WishReload(const std::string& version, const std::string& plan, int64_t resident_bytes);
  // It is not, after all.
  void DropReload(const std::string& version) { Slot(version).reload_plan.clear(); }
  // It could not be loaded again, and stays as it is.
  void FailReload(const std::string& version) { Slot(version).loading = false; }
  // A probe or a load failed.
  void FailLoad(const std::string& version, const absl::Status& why, absl::Time now);
  // A failed load is not waited for any more.
  void RetryNow(const std::string& version) { Slot(version).retry_at = absl::InfinitePast(); }
  void InstanceDestroyed(const std::string& version);

  // A command begins to wait for the version, which is to be loaded before all others; or it ends.
  void Hold(const std::string& version, bool to_make_live);
  void Release(const std::string& version, bool to_make_live);
  // The version's instance goes to make room for another; null where it has none.
  VersionHandle MakeRoom(const std::string& version);

  // --- What follows ---

  PolicyDecision Decide() const;
  // What is to be probed and loaded so that everything of `keep`, and what commands wait for, is in memory.
  ModelWishes Wishes(const std::vector<std::string>& keep) const;
  // Gives up the instances that are neither in `keep` nor waited for.
  std::vector<VersionHandle> TakeUnneeded(const std::vector<std::string>& keep);
  // Why the version is to be in memory.
  enum class Need { kSpare, kServes, kReplacesLive };
  Need NeedOf(const std::string& version) const;
  // Adds the versions in memory.
  void AddMemoryUsers(std::vector<std::pair<uint64_t, MemoryUser>>* users) const;
  // True while nothing is served, but something of `keep` may still come without a failed load.
  bool Starting(const std::vector<std::string>& keep) const;

  // Without the watch, which is the Manager's.
  ModelView View() const;
  // Measures the model and its versions in memory, but for what their requests counted; adds the handles of
  // these, in their order.
  void MeasureInto(ModelMetrics* metrics, std::vector<VersionHandle>* handles) const;
  // Adds this model and its versions.
  void CountInto(ManagerCounts* counts) const;
  std::shared_ptr<const ServingEntry> Entry() const;

 private:
  // A version that was live has shown what it does; every other passes a probe first.
  bool NeedsProbe(const VersionSlot& slot) const;
  // What made room may be loaded again: what it made room for is done, or it may be needed now.
  void LetAllComeBack();
  VersionSlot& Slot(const std::string& version) { return versions_.find(version)->second; }
  std::string Previous() const;
  std::optional<TrafficView> Traffic() const;

  std::string name_;
  const bool probes_;
  LiveState live_;
  Routing routing_;
  std::shared_ptr<ShadowStats> shadow_stats_;  // null: no shadow
  const std::shared_ptr<RefusedRequests> refused_ = std::make_shared<RefusedRequests>();
  std::map<std::string, VersionSlot, VersionLess> versions_;
};

}  // namespace modeld
