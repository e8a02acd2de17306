// Intake: takes dropped files in: scan, settle, identify, stage, register.
//
// One thread (Run), or a test that calls Step. It never changes or deletes a file of the drop directory.
//
//   a file is  settling     followed until it stands still, or incomplete and waited for
//              retrying     could not be taken for a reason outside itself: tried again, with a back-off
//              quarantined  refused, and remembered as that, until it changes
//              registered   its bytes are a version, and remembered as that, until it changes
//
// A release directory goes the same way as one file, its manifest, which stands for all that lies in it: see
// ScannedRelease.
//
// What is remembered is in the registry, so that no unchanged file is read again, not even after a restart.
// A file that is deleted is forgotten; versions stay. A drop directory, or a part of it, that cannot be read
// is trouble to report: nothing is forgotten then.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/source/dropped_files.h"
#include "daemon/source/file_taker.h"
#include "daemon/source/release_taker.h"
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

struct IntakeOptions {
  std::string drop_directory;
  SettleOptions settle;
  absl::Duration rescan_interval = absl::Seconds(10);
  InspectOptions inspect = {};
};

// Thread-safe, except LoadRemembered, Step and Run, which belong to one thread.
class Intake {
 public:
  // All pointers outlive the Intake. `watcher` may be null: then Run looks on requests, when files settle,
  // and every rescan interval.
  Intake(FileSystem* file_system, Clock* clock, Registry* registry, const ArtifactStore* store,
         VersionSink* sink, Watcher* watcher, IntakeOptions options);

  // Reads which files were looked at before, so that they are not read again. Call once, first.
  absl::Status LoadRemembered();

  // One round: scan, then take what is due. Returns when the next round is due (InfiniteFuture: on an event).
  absl::Time Step();
  // Steps until Stop: on events, when files settle, and every rescan interval.
  void Run();
  // Ends Run after the file that it is at, and every Rescan. For good.
  void Stop();

  // Makes Run scan now, try again what was put off, and waits until every file that this scan found was
  // looked at. So whoever copied a file in completely before the call finds it taken after the call, or in
  // dropped_files() with its trouble: files are waited for while they settle, but not while they go on being
  // written, nor until incomplete ones are complete. Returns the number of model files seen, also where
  // `span` passed while files were still settling.
  //
  // DEADLINE_EXCEEDED: not even the scan was done in time; UNAVAILABLE: stopped; the scan's error if the drop
  // directory cannot be read. REQUIRES: another thread is in Run.
  absl::StatusOr<int> Rescan(absl::Duration span);
  // As Rescan, without waiting. Safe from any thread.
  void RequestRescan();

  // Files that are not a registered version, by path.
  std::vector<DroppedFileView> dropped_files() const { return dropped_.List(); }
  // Trouble with the drop directory; OK: none.
  absl::Status source_status() const;

 private:
  // --- The loop: intake_run.cc ---
  // Makes a round begin soon; returns its number.
  uint64_t WantRound();
  void WakeUp();
  void WaitForWork(absl::Duration span);
  bool stopped() const;

  // --- A round ---
  void SourceFound();
  void SourceLost(const absl::Status& why);
  void RecordSourceEvent(const char* what, const std::string& reason);
  void LookAt(ScanResult scan, absl::Time now, bool retry_now);
  void WatchDirectories(ScanResult& scan);
  void ForgetVanished(ScanResult& scan);
  void WarnOnce(const std::vector<std::string>& warnings);
  void Take(const ScannedFile& file, const ScannedRelease* release);
  TakeResult TakeRelease(const ScannedRelease& release);

  // --- What becomes of a file: intake_outcome.cc ---
  bool IsRemembered(const ScannedFile& file) const;
  // Records what a look at `file` came to, for good.
  void Remember(const ScannedFile& file, FileOutcome outcome, const TakeResult& result);
  void RetryLater(const ScannedFile& file, const absl::Status& why, const ModelIdentity& identity);
  void ShowSettling(const std::string& path, const std::string& reason, const ModelIdentity& identity);
  void ShowRetrying(const std::string& path, const absl::Status& why, const ModelIdentity& identity);
  // Makes a remembered file visible if it is quarantined; others are not shown.
  void ShowRemembered(const FileRecord& record);

  FileSystem* const file_system_;
  Clock* const clock_;
  Registry* const registry_;
  Watcher* const watcher_;
  const IntakeOptions options_;
  const FileTaker taker_;
  const ReleaseTaker release_taker_;

  // Of the stepping thread.
  SettleTracker settle_;
  std::map<std::string, FileRecord> remembered_;
  std::set<std::string> warned_;  // in the last round

  DroppedFiles dropped_;

  mutable Mutex mutex_;
  CondVar round_done_;
  CondVar round_wanted_;
  // Code and message, not an absl::Status: that one counts references in the system's abseil, where
  // ThreadSanitizer cannot see that two threads which hold a copy each do no harm.
  absl::StatusCode source_code_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kOk;
  std::string source_trouble_ ABSL_GUARDED_BY(mutex_);
  int files_seen_ ABSL_GUARDED_BY(mutex_) = 0;
  // When the last round saw the directory, and SettleTracker::OldestUnseen at that round's end.
  absl::Time observed_at_ ABSL_GUARDED_BY(mutex_);
  absl::Time oldest_unseen_ ABSL_GUARDED_BY(mutex_);
  uint64_t rounds_begun_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t rounds_done_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t rounds_wanted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
