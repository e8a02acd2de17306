// Scan: what lies in the drop directory now. Reads directories and file metadata, never contents.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/base/file_system.h"

namespace modeld {

// One model file.
struct ScannedFile {
  std::string path;       // relative to the drop directory, with `/`
  std::string full_path;  // links resolved: what to open
  FileIdentity identity;
  FileIdentity sidecar;  // of `<file>.config.json`; all zero where there is none
  // OK; or why this file cannot be taken: a link that leads out of the directory or nowhere, no permission,
  // not a regular file.
  absl::Status status;
};

struct ScanResult {
  std::vector<ScannedFile> files;        // by path
  std::vector<std::string> directories;  // relative, with "" for the drop directory itself: what to watch
  std::vector<std::string> warnings;     // directories that could not be read
};

// Walks `root` three levels deep (NAME.pt, NAME/anything.pt, NAME/3/model.pt). Work in progress
// (IsWorkInProgress), dot directories and files without a model extension are left out. A file or directory
// that vanishes during the walk is left out. Errors: `root` itself cannot be read: that is trouble to report,
// never "no files".
absl::StatusOr<ScanResult> Scan(FileSystem& file_system, const std::string& root);

}  // namespace modeld
