// Records of the registry, as values. No policy here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"
#include "registry/live_state.h"
#include "registry/routing.h"

namespace modeld {

// What the registry thinks of a version. Whether it is in memory is the daemon's affair.
enum class Disposition {
  kGood,         // may be served
  kQuarantined,  // refused, see `reason`; never served
  kRetired,      // withdrawn by a person; never served
};

// "good", "quarantined", "retired".
std::string_view DispositionName(Disposition disposition);
std::optional<Disposition> DispositionFromName(std::string_view name);

// One immutable artifact of a model under a version string.
struct VersionRecord {
  std::string model;
  std::string version;
  std::string sha256;  // of the artifact; 64 lower-case hexadecimal digits
  int64_t size_bytes = 0;
  ArtifactFormat format = ArtifactFormat::kTorchScript;
  Disposition disposition = Disposition::kGood;
  std::string reason;
  std::string description;
  std::vector<std::string> warnings;
  absl::Time registered_at;
  bool probed = false;         // its last probe passed
  int64_t resident_bytes = 0;  // as that probe measured; 0: not measured
  bool held = false;           // kept from live by a release that is not complete, or was refused
};

// The reason of a version that garbage collection retired: the store need not hold its artifacts any more.
inline constexpr char kCollectedReason[] = "collected: artifact removed";
bool IsCollected(const VersionRecord& version);

// A file that belongs to a version beside its artifact, and lies in the artifact store by its own hash.
struct VersionFile {
  std::string name;  // as an entry below `extra/` would be called: "golden/0"
  std::string sha256;
  int64_t size_bytes = 0;

  friend bool operator==(const VersionFile&, const VersionFile&) = default;
};

// A version that the registry may not know yet, with all that registering it takes.
struct NewVersion {
  VersionRecord version;
  std::string canonical_config;
  std::vector<VersionFile> files;
};

// A version went live and is watched: see GuardConfig.
struct WatchRecord {
  std::string version;
  std::string previous;  // where live goes if it fails the watch; empty: nowhere
  absl::Time ends_at;
  int deaths = 0;  // times that the daemon died while it was watched

  friend bool operator==(const WatchRecord&, const WatchRecord&) = default;
};

// What needs an artifact.
struct ArtifactUse {
  std::string model;
  std::string version;
  std::string file;  // empty: it is the version's artifact; else the name of its VersionFile
  Disposition disposition = Disposition::kGood;  // of the version

  friend bool operator==(const ArtifactUse&, const ArtifactUse&) = default;
};

// An artifact that some version has or had.
struct ArtifactRecord {
  std::string sha256;
  int64_t size_bytes = 0;
  bool removed = false;           // garbage collection removed it, and nothing needs it since
  std::vector<ArtifactUse> uses;  // by model and version; not those of collected versions
};

// A model with its versions.
struct ModelRecord {
  std::string name;
  LiveState live;
  Routing routing;
  std::optional<WatchRecord> watch;     // over the live version
  std::vector<VersionRecord> versions;  // lowest first, by CompareVersions
};

// What became of a release.
enum class ReleaseState {
  kPending,  // some versions are not ready yet, or something keeps them from live
  kLive,     // all its versions became live, in one step
  kRefused,  // one of them was refused, so none becomes live
};

// "pending", "live", "refused".
std::string_view ReleaseStateName(ReleaseState state);
std::optional<ReleaseState> ReleaseStateFromName(std::string_view name);

// Why a release was refused that was pending when another of its name came.
inline constexpr char kReleaseReplaced[] = "a later release of the same name took its place";

// Versions of several models that become live together or not at all.
struct ReleaseRecord {
  int64_t id = 0;    // given by the registry, ascending
  std::string name;  // the directory that was dropped
  ReleaseState state = ReleaseState::kPending;
  std::string reason;                          // of a refusal
  std::map<std::string, std::string> members;  // model to version
  absl::Time since;
};

// What became of a file of the drop directory.
enum class FileOutcome {
  kRegistered,   // its bytes are the version named
  kQuarantined,  // refused until it changes
};

// "registered", "quarantined".
std::string_view FileOutcomeName(FileOutcome outcome);
std::optional<FileOutcome> FileOutcomeFromName(std::string_view name);

// Remembers a file that was looked at, so that an unchanged file is not read again.
struct FileRecord {
  std::string path;  // relative to the drop directory
  FileIdentity identity;
  FileIdentity sidecar;  // of its sidecar config; all zero where there is none
  FileOutcome outcome = FileOutcome::kRegistered;
  std::string sha256;   // empty where it was refused before hashing
  std::string model;    // as far as known
  std::string version;  // as far as known
  std::string reason;   // of a quarantine
  absl::Time since;
};

// A decision, as it stands in the append-only `events` table.
struct EventRecord {
  int64_t id = 0;  // given by the registry, ascending
  absl::Time time;
  std::string actor;   // `daemon`, or who gave the command
  std::string action;  // one of the constants below
  std::string model;
  std::string version;
  std::string from_version;  // live before and after, for events that move live
  std::string to_version;
  std::string reason;
  std::string evidence;  // what the decision rests on, as a JSON object; empty: nothing beyond `reason`
};

namespace action {
inline constexpr char kRegistered[] = "registered";    // a new version came in
inline constexpr char kPushed[] = "pushed";            // and was uploaded, by whom
inline constexpr char kQuarantined[] = "quarantined";  // a version or file was refused
inline constexpr char kReinstated[] = "reinstated";    // a quarantined or retired version may be served again
inline constexpr char kPublished[] = "published";      // the policy made a version live
inline constexpr char kRollback[] = "rollback";
inline constexpr char kPromote[] = "promote";
inline constexpr char kPin[] = "pin";
inline constexpr char kUnpin[] = "unpin";
inline constexpr char kRetire[] = "retire";
inline constexpr char kAutoRollback[] = "auto_rollback";  // the watch over live sent it back
inline constexpr char kWatchPassed[] = "watch_passed";    // and here it did not
inline constexpr char kProbed[] = "probed";               // a version passed its probe
inline constexpr char kTuned[] = "tuned";                 // its plans were tried on this machine
inline constexpr char kLabel[] = "label";
inline constexpr char kCanary[] = "canary";
inline constexpr char kShadow[] = "shadow";
inline constexpr char kReleased[] = "released";  // all versions of a release became live
inline constexpr char kRefusedRelease[] = "refused_release";
inline constexpr char kCollected[] = "collected";             // a version's artifact was removed
inline constexpr char kRepaired[] = "repaired";               // the store was repaired
inline constexpr char kRestored[] = "restored";               // the registry came from a backup
inline constexpr char kSourceLost[] = "source_lost";          // the drop directory cannot be read
inline constexpr char kSourceRestored[] = "source_restored";  // it can again
inline constexpr char kStarted[] = "started";
inline constexpr char kStopped[] = "stopped";
inline constexpr char kDied[] =
    "died";  // it could not go on, or, found at the next start, ended without having stopped
}  // namespace action

}  // namespace modeld
