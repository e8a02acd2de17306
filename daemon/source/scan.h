// Scan: what lies in the drop directory now. Reads directories and file metadata, never contents.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/file_system.h"
#include "registry/golden.h"

namespace modeld {

// One model file.
struct ScannedFile {
  // Relative to the drop directory, with `/`; always printable UTF-8 (a name that is not is shown escaped).
  std::string path;
  std::string full_path;     // links resolved: what to open
  std::string sidecar_path;  // of `<file>.config.json`, links resolved; where it would lie if there is none
  FileIdentity identity;
  // Of the sidecar; where there are golden samples beside the file, of all of them together. All zero where
  // there is neither.
  FileIdentity sidecar;
  // Golden samples in `<file>.golden/`, links resolved, in natural order.
  std::vector<GoldenFile> golden;
  // OK; or why this file cannot be taken. INVALID_ARGUMENT: it must change first (a symbolic link that leads
  // out of the directory, nowhere or in a circle; not a regular file, so that opening it might block; a name
  // that is not printable). Any other code: the file system's, worth trying again.
  absl::Status status;
};

// A release directory: one directly below the drop directory that holds a manifest.json. Its model files are
// no files of their own, they are taken together.
struct ScannedRelease {
  std::string name;  // of the directory
  // `path` is "NAME/manifest.json". Its `sidecar` stands for all of `files` together, with what lies beside
  // them, so that the release settles when all of it stands still, and is looked at again when any of it
  // changes. Its status is that of a part that could not be read, if there is one.
  ScannedFile manifest;
  // Every model file of the directory, listed in the manifest or not, by path; here `path` is relative to the
  // release's directory.
  std::vector<ScannedFile> files;
};

// Something that could not be looked at: nothing is known of what lies there or below.
struct UnreadablePath {
  std::string path;  // relative
  absl::Status why;
};

struct ScanResult {
  std::vector<ScannedFile> files;        // by path, without those of releases
  std::vector<ScannedRelease> releases;  // by name
  std::vector<std::string> directories;  // relative, with "" for the drop directory itself: what to watch
  std::vector<UnreadablePath> unreadable;
  std::vector<std::string> warnings;  // for people: what was left out, and why
};

// Walks `root` three levels deep (NAME.pt, NAME/anything.pt, NAME/3/model.pt), and so each release directory
// in it. Symbolic links are followed as far as they stay below `root`. Left out: work in progress
// (IsWorkInProgress), dot directories, files without a model extension, what vanishes during the walk; and
// with a warning directories behind links that lead out of `root` or back up, and files deeper down.
//
// Errors: `root` itself cannot be read: that is trouble to report, never "no files".
absl::StatusOr<ScanResult> Scan(FileSystem& file_system, const std::string& root);

}  // namespace modeld
