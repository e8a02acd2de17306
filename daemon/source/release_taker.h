// ReleaseTaker: takes a release in: reads its manifest, looks at and stages each file that it lists, and
// registers all of them in one call, or none.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/source/file_taker.h"
#include "daemon/source/scan.h"
#include "registry/base/file_system.h"
#include "registry/release_manifest.h"

namespace modeld {

// What a look at a release came to.
struct ReleaseResult {
  // As of a file. `why` names the file of the release that is at fault, and `identity` is that file's; where
  // all were taken both are empty. `sha256` is always.
  TakeResult result;
  std::vector<std::string> models;    // "digits 1.1", …: what was registered, in the manifest's order
  std::vector<std::string> unlisted;  // model files that lie in the directory but not in its manifest
};

// Not thread-safe. Never changes a file.
class ReleaseTaker {
 public:
  // All pointers outlive the ReleaseTaker.
  ReleaseTaker(FileSystem* file_system, const FileTaker* taker, VersionSink* sink)
      : file_system_(file_system), taker_(taker), sink_(sink) {}

  // Looks at `release`, which has settled, and registers its versions as of `now`. All artifacts are in the
  // store before the sink hears of any. A listed file that is not there makes the release incomplete.
  ReleaseResult Take(const ScannedRelease& release, absl::Time now) const;

 private:
  absl::StatusOr<ReleaseManifest> ReadManifest(const ScannedFile& manifest) const;
  // Looks at all `files` before any is copied.
  TakeResult Look(const std::vector<const ScannedFile*>& files) const;
  TakeResult Stage(const std::vector<const ScannedFile*>& files, absl::Time now,
                   std::vector<StagedVersion>& staged) const;

  FileSystem* const file_system_;
  const FileTaker* const taker_;
  VersionSink* const sink_;
};

}  // namespace modeld
