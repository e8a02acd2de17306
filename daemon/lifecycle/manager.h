// Manager: the owner of every version's state.
//
// Deciding is serial, under one mutex: an event comes in (a version was registered, a load ended, a command
// was given), the pure policy is asked, the decision is committed to the registry and then published to the
// serving table. Executing is not under the mutex: one thread probes, one loads and warms, the Reaper's
// thread destroys, a SerialThread announces. The request path uses only the ServingTable.
//
//   state of a version: available → probing → loading → ready → draining → available
//   and from any of them to quarantined or retired, which a person can undo (promote, or dropping it again)
//
// What can go wrong, and what follows:
//
// - A probe or load fails by the version's fault: quarantined; the policy goes on to the next best.
// - A probe or load fails by the machine's fault: it stays good, and is tried again after a back-off (1 s,
//   doubling to 60 s).
// - The registry cannot be written: live stays where it is; tried again at the next event or after 5 s.
// - A command's load fails or takes long: the command returns the error; nothing changed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/lifecycle/guard.h"
#include "daemon/lifecycle/lifecycle_metrics.h"
#include "daemon/lifecycle/load_queue.h"
#include "daemon/lifecycle/loader.h"
#include "daemon/lifecycle/memory_plan.h"
#include "daemon/lifecycle/model_state.h"
#include "daemon/lifecycle/model_view.h"
#include "daemon/lifecycle/prober.h"
#include "daemon/lifecycle/reaper.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/version_fate.h"
#include "registry/base/clock.h"
#include "registry/base/mutex.h"
#include "registry/base/serial_thread.h"
#include "registry/base/timeout.h"
#include "registry/registry.h"

namespace modeld {

// Who asks for a change, and why; recorded in the events.
struct Command {
  std::string model;
  std::string version;  // may be empty where the method allows it
  std::string actor;
  std::string reason;
  std::string evidence = "";  // a JSON object, where there is more to say than the reason
};

// What a command did.
struct LiveChange {
  std::string model;
  std::string from;
  std::string to;
  std::string pinned;
};

// What a Manager works with. All pointers outlive it.
struct ManagerParts {
  // Called, under no lock, whenever a model begins or ceases to have a live version; one call at a time, in
  // the order of the changes. Before all that Start calls it with false for every model that it finds.
  using ServingChangedFn = std::function<void(const std::string& model, bool serving)>;

  Registry* registry = nullptr;
  VersionLoader* loader = nullptr;
  VersionProber* prober = nullptr;  // null: versions are loaded without having been probed
  ServingTable* table = nullptr;
  Clock* clock = nullptr;
  ServingChangedFn on_serving_changed = nullptr;
  // Called, under no lock, after a version was loaded and is still needed; as on_serving_changed.
  using LoadedFn = std::function<void(const VersionRecord& version)>;
  LoadedFn on_loaded = nullptr;
  int64_t memory_budget_bytes = 0;  // of all versions in memory together; 0: without limit
  MemoryPolicy memory_policy = MemoryPolicy::kAvailability;
};

// A release as people see it.
struct ReleaseView {
  ReleaseRecord record;
  std::string waits_for;  // while it is pending
};

// Thread-safe.
class Manager {
 public:
  // Reads the registry and begins to load what was live.
  static absl::StatusOr<std::unique_ptr<Manager>> Start(ManagerParts parts);
  // Stops, and empties the serving table. Handles that requests still hold must be let go before, or it waits
  // for them.
  ~Manager();

  // Begins no probe and no load any more, and ends a probe that runs; commands that wait for one return
  // UNAVAILABLE. What is ready stays served.
  void Stop();

  // --- For the intake ---

  // Registers a new version: one transaction, then the policy decides. The artifact is in the store already.
  //   OK                  registered; or known with the same bytes and config: nothing to do, or, if it was
  //                       quarantined, reinstated and tried again
  //   ALREADY_EXISTS      known with other bytes, another config or other files: a conflict, refused; the
  //                       message says so
  //   FAILED_PRECONDITION known and retired; the message names the remedy
  //   any other           the registry's error; nothing changed; worth trying again
  absl::Status Register(const VersionRecord& version, const std::string& canonical_config,
                        const std::vector<VersionFile>& files = {});
  // Registers versions of several models, each once, that become live together or not at all: held from live,
  // prepared, and then made live in one transaction and one swap. A release waits while one of its models is
  // pinned elsewhere, and is refused, for good, when one of its versions is. Errors as Register, about the
  // first version at fault: then nothing is registered. OK also where the same release is pending or live.
  absl::Status RegisterRelease(const std::string& name, const std::vector<NewVersion>& versions);

  // --- Commands. Each returns when the change is on disk and in force. A version that must be loaded first
  // is loaded first, before all others, for at most `timeout` (DEADLINE_EXCEEDED: nothing changed).
  // NOT_FOUND: unknown model or version; FAILED_PRECONDITION: not possible, with the reason and the remedy.
  // ---

  // To `version`; empty: to the version that was live before, as of the moment of the call.
  absl::StatusOr<LiveChange> Rollback(const Command& command, absl::Duration timeout);
  // A quarantined or retired version is tried, and reinstated if it loads.
  absl::StatusOr<LiveChange> Promote(const Command& command, absl::Duration timeout);
  // As Promote. Without a version: the live one.
  absl::StatusOr<LiveChange> Pin(const Command& command, absl::Duration timeout);
  // Returns the change so far: where the highest good version is not loaded yet, live moves when it is. OK,
  // with nothing recorded, where nothing is pinned.
  absl::StatusOr<LiveChange> Unpin(const Command& command, absl::Duration timeout);
  // OK, with nothing recorded, where it is retired already.
  absl::Status Retire(const Command& command);

  // --- Routing. As commands: the version is loaded first, and stays in memory as long as it is routed to.
  // FAILED_PRECONDITION also for a version that is quarantined or retired. ---

  // Points `label` at `command.version`; without one: takes the label away (NOT_FOUND: there is none).
  // Returns the version that it pointed at before; empty: none.
  absl::StatusOr<std::string> SetLabel(const Command& command, const std::string& label,
                                       absl::Duration timeout);
  // Sends `share` of the unnamed requests to `command.version`; without one: to live alone again. Returns the
  // routing then in force.
  absl::StatusOr<Routing> SetCanary(const Command& command, double share, absl::Duration timeout);
  // As SetCanary, for copies whose answers are compared and not returned.
  absl::StatusOr<Routing> SetShadow(const Command& command, double share, absl::Duration timeout);

  // --- For the care of the store (manager_store.cc): as VersionKeeper's methods ---
  bool InMemory(const std::string& model, const std::string& version) const;
  absl::Status Collect(const Command& command);
  absl::Status Quarantine(const Command& command);

  // --- For PlanTuner (manager_store.cc) ---

  // Loads the version again, with what the registry says of it now, if it is in memory, or being loaded, and
  // does not run by `plan` then; it takes its own place when that is done. What it is then is found out by
  // the load: where that fails, or memory does not suffice for both at a time, the version stays as it is.
  // Does not wait.
  void Reload(const VersionRecord& version, const std::string& plan, int64_t resident_bytes);

  // --- Views. Each is one consistent snapshot. ---

  // Up to `limit` models whose names come after `after`, by name.
  std::vector<ModelView> ListModels(const std::string& after, size_t limit) const;
  absl::StatusOr<ModelView> GetModel(const std::string& name) const;
  ManagerCounts Counts() const;
  // Does not hold its lock while it reads what requests counted.
  LifecycleMetrics Metrics() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until the version is live, refused, or kept from live (version_fate.h), also while it is not
  // registered yet. NOT_FOUND: it was not registered in time; DEADLINE_EXCEEDED: it is still under way, as
  // the message says; UNAVAILABLE: stopping.
  absl::StatusOr<FateReport> WaitVersion(const std::string& model, const std::string& version,
                                         absl::Duration timeout) const;
  // Those that are pending, and the refused ones that no later release of the same name took the place of.
  std::vector<ReleaseView> ListReleases() const;

  // True once every version that was live before the start is loaded, or has failed and so has what could
  // serve in its place.
  bool ready() const;
  // Waits for ready(); false if `timeout` passed.
  bool WaitReady(absl::Duration timeout) const;
  // Waits until nothing is to be loaded (but for what waits for another try), or draining; false if `timeout`
  // passed. For tests and shutdown.
  bool WaitSettled(absl::Duration timeout) const;
  // Looks at the clock again: what waited for a time that has come is done now. For tests that move the clock
  // by hand; a real one is watched.
  void Poke();
  // Looks at all watches now, on the calling thread, after whoever does so already. The daemon does so every
  // second.
  void CheckWatches() ABSL_LOCKS_EXCLUDED(checking_watches_);
  // The models whose watched version has failed requests by its fault since the watch began.
  std::set<std::string> FailingUnderWatch() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Manager(ManagerParts parts, std::vector<ModelRecord> models, std::vector<ReleaseRecord> releases);

  // --- The loading thread (manager.cc) ---
  void LoadLoop();
  struct NextVersion {
    VersionRecord record;
    bool awaited = false;  // by a command, or by all because nothing is served
  };
  // Waits for the next version to load, minding what else waits for a time; none: stopping.
  std::optional<NextVersion> NextLoad();
  void FinishLoad(const VersionRecord& record, absl::StatusOr<LoadedVersion> loaded);
  void NoteFailedLoad(ModelState& model, const std::string& version, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Quarantine(ModelState& model, const std::string& version, const std::string& reason,
                  const std::string& evidence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- The probing thread (manager_probe.cc) ---
  void ProbeLoop();
  std::optional<VersionRecord> NextProbe();
  void FinishProbe(const VersionRecord& record, const absl::StatusOr<v1::ProbeReport>& report);
  void RetryMoves(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time NextLoadDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDestroyed(const std::string& model, const std::string& version);

  // --- Routing (manager_routing.cc) ---
  // Loads `command.version`, if there is one, and commits what `change` makes of the routing.
  absl::StatusOr<Routing> ChangeRouting(const Command& command, const char* action, absl::Duration timeout,
                                        const std::function<absl::Status(Routing&)>& change);
  absl::StatusOr<Routing> ChangeRoutingNow(ModelState& model, const Command& command, const char* action,
                                           Timeout& patience,
                                           const std::function<absl::Status(Routing&)>& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A canary or shadow that became live is none any more.
  void DropRoutesToLive(ModelState& model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Memory (manager_memory.cc) ---
  enum class Admission { kLoad, kWait, kRefused };
  // Whether the version may be loaded now. Unloads what has to go for it, or notes the refusal.
  Admission Admit(const LoadJob& job, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  MemoryInput MemoryInputFor(ModelState& model, const VersionSlot& slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // An instance was given up, and is gone when the last request lets go of it; the watches do now.
  void BeginDrain(const VersionSlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Memory came free: what was refused for want of it is tried again now.
  void RetryRefused() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Watches over live versions and canaries (manager_watch.cc) ---
  struct Watching {
    WatchRecord record;
    uint64_t id;             // of this watch, and no other
    VersionHandle handle;    // the instance that is watched; null: none yet
    StatsSnapshot start;     // what it had done when the watch began
    StatsSnapshot baseline;  // what the version before it did
    absl::Time golden_due;
  };
  struct CanaryWatching {
    uint64_t id = 0;  // among those of Watching
    VersionHandle canary;
    VersionHandle live;
    StatsSnapshot canary_start;
    StatsSnapshot live_start;
  };
  struct Examination;
  void WatchLoop();
  bool WaitForWatches();
  std::set<std::string> WatchedModels() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Examination> ExaminationOfLive(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Examination> ExaminationOfCanary(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the watch that the examination is of still goes on.
  bool StillWatched(const Examination& examination) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Breach> Examine(const Examination& examination) const;
  // Carries out what an examination came to: the watch goes on, ends, or live (or the canary) moves.
  void Conclude(const Examination& examination, const std::optional<Breach>& breach)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void RollBackBreached(ModelState& model, const Examination& examination, const Breach& breach)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the model has a canary to be watched.
  void NoteCanary(const ModelState& model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The watch that begins with this move of live; none: the version is not to be watched.
  std::optional<WatchRecord> NewWatch(const ModelState& model, const LiveState& next) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginWatch(const ModelState& model, const std::optional<WatchRecord>& watch, const std::string& from)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Releases (manager_release.cc) ---
  // OK if the version is the one that is known: the same bytes, config and files.
  absl::Status CheckSame(const VersionSlot& known, const NewVersion& version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckMember(const NewVersion& member) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsKnownRelease(const std::string& name, const std::map<std::string, std::string>& members) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the pending releases of `model` that can end; then all their models are reconciled.
  void CheckReleases(const ModelState& model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Keeps in memory the members that a pending release needs, and only those.
  void NotePrepared(const std::map<std::string, std::string>& members) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What a pending release waits for; empty: nothing. `refused`: it can never be.
  std::string WaitsFor(const ReleaseRecord& release, bool* refused) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndRelease(ReleaseRecord& release, ReleaseState state, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Deciding (manager.cc) ---
  // Asks the policy and carries out what it says: call it after every change to `model`.
  void Reconcile(ModelState& model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // As Reconcile, for this model alone.
  void ReconcileAlone(ModelState& model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Replaces what is to be probed and loaded for `model`.
  void SetWishes(const ModelState& model, const std::vector<std::string>& keep)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MoveLiveTo(ModelState& model, const PolicyDecision& decision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishEntry(const ModelState& model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  EventRecord Event(const char* action, const std::string& model, const std::string& version,
                    const std::string& actor, const std::string& reason) const;
  // Live moves, and the watch that begins with it; a rollback begins none.
  absl::Status CommitLive(ModelState& model, LiveState next, EventRecord event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CommitDisposition(ModelState& model, const std::string& version, Disposition disposition,
                                 const std::string& reason, const EventRecord& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Counting (manager_metrics.cc) ---
  // Live moved, which was begun at that time by the steady clock; NotePublished: requests see it.
  void NoteSwap(const std::string& model, absl::Duration begun) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NotePublished(const std::string& model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteDrained(const std::string& model, const std::string& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ModelView ViewOf(const ModelState& model) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static absl::StatusOr<const VersionSlot*> FindVersion(const ModelState& model, const std::string& version);
  absl::StatusOr<const ModelState*> FindModel(const std::string& name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Commands (manager_commands.cc) ---
  absl::Status RegisterAgain(ModelState& model, const VersionSlot& known, const VersionRecord& version,
                             const std::string& canonical_config, const std::vector<VersionFile>& files)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status NoteArtifactsReturned(ModelState& model, const VersionSlot& slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<ModelState*> FindForChange(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<LiveChange> RollBackNow(ModelState& model, const char* action, const Command& command,
                                         Timeout& patience,
                                         const std::function<bool()>& still_wanted = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<LiveChange> MakeLive(const Command& command, bool pin, absl::Duration timeout);
  absl::StatusOr<LiveChange> MakeLiveNow(ModelState& model, const Command& command, bool pin,
                                         Timeout& patience) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns with OK when the version is in memory, and `mutex_` was not released since it was.
  absl::Status AwaitLoaded(ModelState& model, const std::string& version, bool to_make_live,
                           Timeout& patience) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<LiveChange> CommitCommand(ModelState& model, const char* action, const std::string& version,
                                           LiveState next, const Command& command)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static constexpr char kDaemon[] = "daemon";                     // the actor of what nobody asked for
  static constexpr absl::Duration kMoveAgain = absl::Seconds(5);  // after a move that failed to commit

  Registry* const registry_;
  VersionLoader* const loader_;
  VersionProber* const prober_;  // null: none
  ServingTable* const table_;
  Clock* const clock_;
  const ManagerParts::ServingChangedFn on_serving_changed_;
  const ManagerParts::LoadedFn on_loaded_;
  const int64_t memory_budget_bytes_;  // 0: without limit
  const MemoryPolicy memory_policy_;

  Mutex checking_watches_;  // held through one look at all of them; taken before mutex_
  mutable Mutex mutex_;
  mutable CondVar changed_;                                           // for who waits for a state
  CondVar load_work_;                                                 // for the loading thread
  CondVar probe_work_;                                                // for the probing thread
  CondVar watch_work_;                                                // for the watching thread
  std::map<std::string, ModelState> models_ ABSL_GUARDED_BY(mutex_);  // never shrinks
  LoadQueue load_queue_ ABSL_GUARDED_BY(mutex_);
  LoadQueue probe_queue_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> serving_ ABSL_GUARDED_BY(mutex_);   // models, as announced
  std::set<std::string> starting_ ABSL_GUARDED_BY(mutex_);  // models that ready() waits for
  std::map<std::string, absl::Time> move_again_
      ABSL_GUARDED_BY(mutex_);  // models whose move failed to commit
  bool loading_ ABSL_GUARDED_BY(mutex_) = false;
  bool probing_ ABSL_GUARDED_BY(mutex_) = false;
  int draining_ ABSL_GUARDED_BY(mutex_) = 0;            // instances given up and not yet destroyed
  int64_t draining_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of those
  int64_t used_bytes_ ABSL_GUARDED_BY(mutex_) = 0;      // of all instances
  uint64_t loads_ ABSL_GUARDED_BY(mutex_) = 0;          // ever
  std::set<std::pair<std::string, std::string>> no_room_ ABSL_GUARDED_BY(mutex_);  // refused, by model
  std::map<std::string, Watching> watches_ ABSL_GUARDED_BY(mutex_);                // by model
  uint64_t watches_begun_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> canaried_ ABSL_GUARDED_BY(mutex_);                  // models with a canary
  std::map<std::string, CanaryWatching> canaries_ ABSL_GUARDED_BY(mutex_);  // by model
  std::map<int64_t, ReleaseRecord> releases_ ABSL_GUARDED_BY(mutex_);       // pending and refused
  LifecycleCounts counts_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Duration> swaps_begun_ ABSL_GUARDED_BY(mutex_);  // by model
  std::multimap<std::pair<std::string, std::string>, absl::Duration> drains_begun_
      ABSL_GUARDED_BY(mutex_);  // by model and version
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Threads, in the order in which they may go: the last one first.
  SerialThread announcements_;
  Reaper reaper_;
  std::thread loading_thread_;
  std::thread probing_thread_;  // not running without a prober
  std::thread watching_thread_;
};

}  // namespace modeld
