// FileTaker: takes one dropped file in: identify, stage, register. The one look at a file's contents.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/source/scan.h"
#include "registry/artifact_store.h"
#include "registry/base/background.h"
#include "registry/base/file_system.h"
#include "registry/inspect.h"
#include "registry/records.h"

namespace modeld {

// Where identified and staged versions go. The Manager, by way of the server's wiring.
class VersionSink {
 public:
  virtual ~VersionSink() = default;
  // As Manager::Register.
  virtual absl::Status Register(const VersionRecord& version, const std::string& canonical_config,
                                const std::vector<VersionFile>& files) = 0;
  // Registers the versions of release `name`, one a model, to become live together or not at all. As
  // Manager::RegisterRelease. OK: they are registered, now or before. ALREADY_EXISTS, INVALID_ARGUMENT,
  // FAILED_PRECONDITION: refused, and none is registered.
  virtual absl::Status RegisterRelease(const std::string& name, const std::vector<NewVersion>& versions) = 0;
};

// What a look at a file came to.
enum class Verdict {
  kTaken,       // registered, now or before
  kIncomplete,  // not all there (yet)
  kChanged,     // changed or vanished while it was looked at; nothing is known
  kRefused,     // the file is at fault, and will be until it changes
  kLater,       // something else is at fault: a full disk, no permission, the registry
};

struct TakeResult {
  Verdict verdict = Verdict::kTaken;
  absl::Status why;        // OK if taken
  ModelIdentity identity;  // as far as known
  std::string sha256;      // empty if it did not come to hashing
};

// Model and version as far as the path alone tells: no name that would break the rule.
ModelIdentity IdentityGuess(const std::string& relative_path);

// A golden sample of a file of its own, and its copy.
struct StagedGolden {
  std::string name;  // "golden/0"
  StagedArtifact copy;
};

// A version whose files are copied, but of which neither the store nor a sink knows. Destroying it without
// Commit removes the copies.
struct StagedVersion {
  NewVersion known;  // all that registering it takes
  StagedArtifact artifact;
  std::vector<StagedGolden> golden;

  // Brings all of it into the store. May be called again where it failed.
  absl::Status Commit();
};

// Not thread-safe. Never changes the file.
class FileTaker {
 public:
  // All pointers outlive the FileTaker.
  FileTaker(FileSystem* file_system, const ArtifactStore* store, VersionSink* sink, InspectOptions inspect)
      : file_system_(file_system), store_(store), sink_(sink), inspect_(std::move(inspect)) {}

  // Looks at `file`, which has settled, and registers it as of `now`. The artifact is in the store before the
  // sink hears of the version, and what is registered was read from the staged copy, not from the file; so
  // with the golden samples beside it.
  TakeResult Take(const ScannedFile& file, absl::Time now) const;

  // The steps of Take, for those who register otherwise; kTaken: nothing is in the way of the next step.
  // What can be told without a copy.
  TakeResult Look(const ScannedFile& file) const;
  // Look, and the copy; sets `staged` if nothing is in the way.
  TakeResult Stage(const ScannedFile& file, absl::Time now, std::optional<StagedVersion>& staged) const;
  // What Stage came to, as it is once `staged` is in the store and the sink has heard of it.
  TakeResult Register(const ScannedFile& file, StagedVersion& staged, TakeResult result) const;
  // OK if the file opens and is as it was scanned; ABORTED if it is not.
  absl::Status CheckOpens(const ScannedFile& file) const;
  // The verdict where a step failed with `why`.
  Verdict Judge(const ScannedFile& file, const absl::Status& why) const;

 private:
  TakeResult Look(const ScannedFile& file, InspectedFile& inspected) const;
  absl::StatusOr<InspectedFile> Inspect(const ScannedFile& file, const std::string& path,
                                        const std::vector<GoldenFile>& golden) const;
  // Copies of the samples of `inspected` that lie in files of their own, in its order.
  absl::StatusOr<std::vector<StagedGolden>> StageGolden(const InspectedFile& inspected) const;
  bool IsAsScanned(const ScannedFile& file) const;

  FileSystem* const file_system_;
  const ArtifactStore* const store_;
  VersionSink* const sink_;
  const InspectOptions inspect_;
  const std::unique_ptr<BackgroundThread> background_ = std::make_unique<BackgroundThread>();
};

}  // namespace modeld
