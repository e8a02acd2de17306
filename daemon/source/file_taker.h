// FileTaker: takes one dropped file in: identify, stage, register. The one look at a file's contents.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/source/scan.h"
#include "registry/artifact_store.h"
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

// Not thread-safe. Never changes the file.
class FileTaker {
 public:
  // All pointers outlive the FileTaker.
  FileTaker(FileSystem* file_system, const ArtifactStore* store, VersionSink* sink, ConfigOptions config)
      : file_system_(file_system), store_(store), sink_(sink), config_(config) {}

  // Looks at `file`, which has settled, and registers it as of `now`. The artifact is in the store before the
  // sink hears of the version, and what is registered was read from the staged copy, not from the file; so
  // with the golden samples beside it.
  TakeResult Take(const ScannedFile& file, absl::Time now) const;

 private:
  absl::Status CheckOpens(const ScannedFile& file) const;
  absl::StatusOr<InspectedFile> Inspect(const ScannedFile& file, const std::string& path,
                                        const std::vector<GoldenFile>& golden) const;
  // Copies of the samples of `inspected` that lie in files of their own, in its order.
  absl::StatusOr<std::vector<StagedGolden>> StageGolden(const InspectedFile& inspected) const;
  // The verdict where a step failed with `why`.
  Verdict Judge(const ScannedFile& file, const absl::Status& why) const;
  bool IsAsScanned(const ScannedFile& file) const;

  FileSystem* const file_system_;
  const ArtifactStore* const store_;
  VersionSink* const sink_;
  const ConfigOptions config_;
};

}  // namespace modeld
