// Registry: the SQLite database of every version ever served.
//
// Every changing method is one transaction that also writes the event that records it: after OK both are on
// disk (synchronous=FULL), after an error neither is. The `events` table is append-only by trigger. Opening a
// database that is corrupt, of a newer schema, or not a registry fails with the remedy and changes nothing.
//
// One writer: REQUIRES that a path is open kReadWrite at most once, in all processes together. The daemon and
// `modelctl --db` hold the state directory's FileLock for that.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "modeld/v1/probe.pb.h"
#include "registry/base/mutex.h"
#include "registry/records.h"

namespace SQLite {
class Database;
}

namespace modeld {

// Which events to list.
struct EventQuery {
  std::string model;      // empty: all
  int64_t before_id = 0;  // only events with a smaller id; 0: all
  int64_t after_id = 0;   // only events with a greater id
  bool oldest_first = false;
  int limit = 100;  // at most so many
};

// Called with the id of the last event after each commit that wrote some, in the order of the commits, on the
// thread that committed and before its call returns. The registry is locked meanwhile: it must be quick, and
// must not call the registry.
using EventListener = std::function<void(int64_t last_id)>;

// A model's live state as it is to become, with the event that records it. A watch ends where live moves.
struct LiveMove {
  std::string model;
  LiveState state;
  EventRecord event;
  std::optional<WatchRecord> watch = std::nullopt;  // that begins
  bool keep_watch = false;                          // live does not move: the watch over it goes on
};

// Thread-safe: one connection behind a mutex. Not for the request path.
//
// Error codes: RESOURCE_EXHAUSTED for a full disk, UNAVAILABLE where another process holds the database
// locked for longer than some seconds, FAILED_PRECONDITION for a damaged database and as said at Open,
// INTERNAL for the rest; each says what was attempted, SQLite's message and extended code.
class Registry {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  // Opens `path`, creating it with mode 0600 (kReadWrite) and migrating it to this build's schema. Checks the
  // database's integrity (quick_check). FAILED_PRECONDITION: corrupt, not a registry, or written by a newer
  // build; NOT_FOUND: kReadOnly and missing.
  static absl::StatusOr<std::unique_ptr<Registry>> Open(const std::string& path,
                                                        Mode mode = Mode::kReadWrite);
  ~Registry();

  // All models by name, with all their versions.
  absl::StatusOr<std::vector<ModelRecord>> ListModels();
  // All remembered files by path.
  absl::StatusOr<std::vector<FileRecord>> ListFiles();
  // Newest first, unless asked otherwise.
  absl::StatusOr<std::vector<EventRecord>> ListEvents(const EventQuery& query);
  // From now on `listener` hears of every commit that wrote events; null: nobody does. Returns the id of the
  // last event before; 0: there is none.
  absl::StatusOr<int64_t> ListenToEvents(EventListener listener);
  // Oldest first.
  absl::StatusOr<std::vector<ReleaseRecord>> ListReleases();
  // Canonical config of a version. NOT_FOUND if it is not registered.
  absl::StatusOr<std::string> ConfigOf(const std::string& model, const std::string& version);

  // Files of a version beside its artifact, by name; none also where it is not registered.
  absl::StatusOr<std::vector<VersionFile>> FilesOf(const std::string& model, const std::string& version);
  // The report of a version's last probe; none: never probed, or not registered.
  absl::StatusOr<std::optional<v1::ProbeReport>> ProbeOf(const std::string& model,
                                                         const std::string& version);

  // Adds a version (and its model and artifacts) with its canonical config. ALREADY_EXISTS, changing nothing,
  // if the model has that version; the caller decides whether that is the same artifact or a conflict.
  absl::Status RegisterVersion(const VersionRecord& version, const std::string& canonical_config,
                               const EventRecord& event, const std::vector<VersionFile>& files = {});
  // Changes what the registry thinks of a version. NOT_FOUND if it is not registered.
  absl::Status SetDisposition(const std::string& model, const std::string& version, Disposition disposition,
                              const std::string& reason, const EventRecord& event);
  // Replaces the model's live state; a watch over it ends. NOT_FOUND if the model or a version that `state`
  // names is not registered.
  absl::Status SetLiveState(const std::string& model, const LiveState& state, const EventRecord& event);

  // As SetLiveState for each; all of them or none.
  absl::Status SetLiveStates(const std::vector<LiveMove>& moves);
  // The watch over the model's live version is over.
  absl::Status EndWatch(const std::string& model, const EventRecord& event);
  // Where the daemon that ran last did not stop by itself (its newest event of the three is `started`, not
  // `stopped` or `died`): adds one to the deaths of every watch that ends after `now`, and records `died`.
  // Call it before `started` is recorded.
  absl::Status CountDeaths(absl::Time now);
  // The daemon that runs cannot go on, after a fault on a GPU: records that as CountDeaths does for one that
  // could not say so, and counts it for those of `models` whose watched version is on a GPU
  // (`execution.device`).
  absl::Status RecordDeathOnGpu(absl::Time now, const std::string& reason,
                                const std::set<std::string>& models);
  // Replaces where the model's requests go. NOT_FOUND if a version that `routing` names is not registered.
  absl::Status SetRouting(const std::string& model, const Routing& routing, const EventRecord& event);
  // Replaces the report of a version's probe. NOT_FOUND if it is not registered.
  absl::Status RecordProbe(const std::string& model, const std::string& version,
                           const v1::ProbeReport& report, const EventRecord& event);

  // Adds a release with those of its versions that are not registered yet; returns its id. A pending release
  // of the same name is refused from then on (kReleaseReplaced). All of it or nothing. NOT_FOUND if a member
  // is neither registered nor in `versions`; ALREADY_EXISTS as RegisterVersion.
  absl::StatusOr<int64_t> AddRelease(const ReleaseRecord& release, const std::vector<NewVersion>& versions,
                                     const std::vector<EventRecord>& events);
  // Changes a release's state and moves live of its models, all of it or nothing. NOT_FOUND if there is no
  // release `id`.
  absl::Status EndRelease(int64_t id, ReleaseState state, const std::string& reason,
                          const std::vector<LiveMove>& moves, const EventRecord& event);

  // --- Care of the store (registry_artifacts.cc) ---

  // All artifacts by hash, with what needs each.
  absl::StatusOr<std::vector<ArtifactRecord>> ListArtifacts();
  // Whether a version that is not collected needs the artifact.
  absl::StatusOr<bool> NeedsArtifact(const std::string& sha256);
  // Retires a version as collected, and marks those of its artifacts removed that nothing else needs; the
  // files themselves are the caller's to remove, afterwards. OK, changing nothing, where it is collected
  // already. FAILED_PRECONDITION where something keeps it (WhyKept, a pending release); NOT_FOUND if it is
  // not registered.
  absl::Status CollectVersion(const std::string& model, const std::string& version, const EventRecord& event);
  // What is wrong with the database itself; nothing: it is sound. Reads all of it, on a connection of its
  // own.
  absl::StatusOr<std::vector<std::string>> CheckIntegrity();
  // Writes a copy of the database as of one moment to `path`, an empty file of the caller's. Others read and
  // write meanwhile. The copy is whole in that file, without a write-ahead log, and not synced.
  absl::Status BackUp(const std::string& path);

  // Adds or replaces what is known of a file; with an event if one is given.
  absl::Status RecordFile(const FileRecord& file, const std::optional<EventRecord>& event);
  // Forgets files, by path.
  absl::Status ForgetFiles(const std::vector<std::string>& paths);
  // Writes an event that belongs to no other change.
  absl::Status RecordEvent(const EventRecord& event);

 private:
  friend class RegistryTestPeer;  // makes the disk full, and looks into tables
  explicit Registry(std::unique_ptr<SQLite::Database> database);
  // One transaction around `work`: committed, and its events announced, if that is OK, else rolled back.
  absl::Status InTransaction(SQLite::Database& database, const std::string& attempt,
                             const std::function<absl::Status()>& work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::unique_ptr<SQLite::Database> database_ ABSL_GUARDED_BY(mutex_);
  EventListener event_listener_ ABSL_GUARDED_BY(mutex_);
  int64_t announced_event_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Schema version that this build writes.
int RegistrySchemaVersion();

}  // namespace modeld
