// Manager: the owner of every version's state.
//
// Deciding is serial, under one mutex: an event comes in (a version was registered, a load ended, a command
// was given), the pure policy is asked, the decision is committed to the registry and then published to the
// serving table. Executing is not under the mutex: one loading thread loads and warms, the Reaper's thread
// destroys. The request path uses only the ServingTable.
//
//   state of a version: available → loading → ready → draining → available
//   and from any of them to quarantined or retired, which a person can undo (promote, or dropping it again)
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/lifecycle/loader.h"
#include "daemon/lifecycle/policy.h"
#include "daemon/lifecycle/reaper.h"
#include "daemon/lifecycle/serving_table.h"
#include "registry/base/clock.h"
#include "registry/base/mutex.h"
#include "registry/registry.h"
#include "registry/version_order.h"

namespace modeld {

enum class VersionState { kAvailable, kLoading, kReady, kDraining, kQuarantined, kRetired };

// "available", "loading", …
std::string_view VersionStateName(VersionState state);

// A version as the world sees it.
struct VersionView {
  VersionRecord record;
  VersionState state = VersionState::kAvailable;
  std::string reason;  // of a quarantine, or the error of the last load
  std::string engine;  // empty while not in memory
};

// A model as the world sees it.
struct ModelView {
  std::string name;
  std::vector<VersionView> versions;  // highest first
  std::string live;
  std::map<std::string, std::string> labels;  // `live`, `previous`
  std::string pinned;
  std::string pin_reason;
};

// Who asks for a change, and why; recorded in the events.
struct Command {
  std::string model;
  std::string version;  // may be empty where the method allows it
  std::string actor;
  std::string reason;
};

// What a command did.
struct LiveChange {
  std::string model;
  std::string from;
  std::string to;
  std::string pinned;
};

struct ManagerCounts {
  int models = 0;
  int versions = 0;
  int ready = 0;
  int quarantined = 0;
};

// Thread-safe.
class Manager {
 public:
  // Called, under no lock, whenever a model begins or ceases to have a live version.
  using ServingChangedFn = std::function<void(const std::string& model, bool serving)>;

  // Reads the registry and begins to load what was live. All pointers outlive the Manager.
  static absl::StatusOr<std::unique_ptr<Manager>> Start(Registry* registry, VersionLoader* loader,
                                                        ServingTable* table, Clock* clock,
                                                        ServingChangedFn on_serving_changed = nullptr);
  // Stops. Handles that requests still hold must be let go before, or it waits for them.
  ~Manager();

  // --- For the intake ---

  // Registers a new version: one transaction, then the policy decides. The artifact is in the store already.
  //   OK                  registered; or known with the same bytes and config: nothing to do, or, if it was
  //                       quarantined, reinstated and tried again
  //   ALREADY_EXISTS      known with other bytes or another config: a conflict, refused; the message says so
  //   FAILED_PRECONDITION known and retired; the message names the remedy
  //   any other           the registry's error; nothing changed; worth trying again
  absl::Status Register(const VersionRecord& version, const std::string& canonical_config);

  // --- Commands. Each returns when the change is on disk and in force. A version that must be loaded first
  // is loaded first, for at most `timeout` (DEADLINE_EXCEEDED: nothing changed). NOT_FOUND: unknown model or
  // version; FAILED_PRECONDITION: not possible, with the reason and the remedy. ---

  absl::StatusOr<LiveChange> Rollback(const Command& command, absl::Duration timeout);
  absl::StatusOr<LiveChange> Promote(const Command& command, absl::Duration timeout);
  absl::StatusOr<LiveChange> Pin(const Command& command, absl::Duration timeout);
  absl::StatusOr<LiveChange> Unpin(const Command& command, absl::Duration timeout);
  absl::Status Retire(const Command& command);

  // --- Views ---

  // Up to `limit` models whose names come after `after`, by name.
  std::vector<ModelView> ListModels(const std::string& after, size_t limit) const;
  absl::StatusOr<ModelView> GetModel(const std::string& name) const;
  ManagerCounts Counts() const;

  // True once every version that was live before the start is loaded or has failed.
  bool ready() const;
  // Waits for ready(); false if `timeout` passed.
  bool WaitReady(absl::Duration timeout) const;
  // Waits until nothing is to be loaded, or draining; false if `timeout` passed. For tests and shutdown.
  bool WaitSettled(absl::Duration timeout) const;

 private:
  struct VersionEntry;
  struct ModelEntry;
  // See manager.cc.
  struct State;
  explicit Manager(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace modeld
