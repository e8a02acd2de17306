// Intake: takes dropped files in: scan, settle, identify, stage, register.
//
// One thread (Run), or a test that calls Step. It never changes or deletes a file of the drop directory.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/source/scan.h"
#include "daemon/source/settle.h"
#include "daemon/source/watcher.h"
#include "registry/artifact_store.h"
#include "registry/base/clock.h"
#include "registry/base/file_system.h"
#include "registry/base/mutex.h"
#include "registry/inspect.h"
#include "registry/registry.h"

namespace modeld {

// Where identified and staged versions go. The Manager, by way of the server's wiring.
class VersionSink {
 public:
  virtual ~VersionSink() = default;
  // As Manager::Register.
  virtual absl::Status Register(const VersionRecord& version, const std::string& canonical_config) = 0;
};

enum class DroppedState { kSettling, kRetrying, kQuarantined };

// A file of the drop directory that is not a registered version.
struct DroppedFileView {
  std::string path;  // relative
  DroppedState state = DroppedState::kSettling;
  std::string reason;
  std::string model;    // as far as known
  std::string version;  // as far as known
  absl::Time since;
};

struct IntakeOptions {
  std::string drop_directory;
  SettleOptions settle;
  absl::Duration rescan_interval = absl::Seconds(10);
  ConfigOptions config;
};

// Thread-safe, except Step and Run, which belong to one thread.
class Intake {
 public:
  // All pointers outlive the Intake. `watcher` may be null: then only Step and RequestRescan make it look.
  Intake(FileSystem* file_system, Clock* clock, Registry* registry, const ArtifactStore* store,
         VersionSink* sink, Watcher* watcher, IntakeOptions options);

  // Reads which files were looked at before, so that they are not read again. Call once, first.
  absl::Status LoadRemembered();

  // One round: scan, then take what is due. Returns when the next round is due (InfiniteFuture: on an event).
  absl::Time Step();
  // Steps until Stop: on events, when files settle, and every rescan interval.
  void Run();
  void Stop();

  // Makes Run scan now and waits until every file found was looked at once (settling files included, which
  // may still be waiting after it); returns the number of model files seen. DEADLINE_EXCEEDED; UNAVAILABLE:
  // stopped; the scan's error if the drop directory cannot be read.
  absl::StatusOr<int> Rescan(absl::Duration timeout);
  // As Rescan, without waiting. Safe from any thread.
  void RequestRescan();

  // Files that are not a registered version, by path.
  std::vector<DroppedFileView> dropped_files() const;
  // Trouble with the drop directory; OK: none.
  absl::Status source_status() const;

 private:
  // What a look at one file came to.
  void Take(const ScannedFile& file, absl::Time now);
  void Quarantine(const ScannedFile& file, const absl::Status& why, const ModelIdentity& identity,
                  const std::string& sha256);
  void Show(const ScannedFile& file, DroppedState state, std::string reason, absl::Time since);

  FileSystem* const file_system_;
  Clock* const clock_;
  Registry* const registry_;
  const ArtifactStore* const store_;
  VersionSink* const sink_;
  Watcher* const watcher_;
  const IntakeOptions options_;

  // Of the stepping thread.
  SettleTracker settle_;
  std::map<std::string, FileRecord> remembered_;

  mutable Mutex mutex_;
  CondVar round_done_;
  std::map<std::string, DroppedFileView> dropped_ ABSL_GUARDED_BY(mutex_);
  absl::Status source_status_ ABSL_GUARDED_BY(mutex_);
  int files_seen_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t rounds_begun_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t rounds_done_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
