// ArtifactStore: the daemon's own copies of artifacts, by content.
//
// Layout: <root>/sha256/ab/ab12…ef (mode 0400), and <root>/staging/ for copies being made. What stands under
// sha256/ is complete, synced to disk and never changed. Left-over staging files of a crash are removed by
// Open.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/file_system.h"

namespace modeld {

class ArtifactStore;

// A copy that is complete in staging/ but not yet in the store. Destroying it without Commit removes the
// copy. Move-only. Not thread-safe.
class StagedArtifact {
 public:
  StagedArtifact(StagedArtifact&& other) noexcept;
  StagedArtifact& operator=(StagedArtifact&& other) noexcept;
  ~StagedArtifact();

  // SHA-256 of the bytes, 64 lower-case hexadecimal digits.
  const std::string& sha256() const { return sha256_; }
  int64_t size_bytes() const { return size_bytes_; }
  // Where the copy lies until Commit; then empty.
  const std::string& path() const { return path_; }

  // Moves the copy to its place and syncs the directory; on success the store holds the artifact. Where
  // the store holds it already, the copy takes its place. On failure it is not certain that a crash would
  // leave the artifact in its place, so nothing may refer to it; Commit may be called again.
  absl::Status Commit();

 private:
  friend class ArtifactStore;
  StagedArtifact(const ArtifactStore* store, std::string path, std::string sha256, int64_t size_bytes)
      : store_(store), path_(std::move(path)), sha256_(std::move(sha256)), size_bytes_(size_bytes) {}

  const ArtifactStore* store_;
  std::string path_;    // empty: in its place or moved from
  std::string sha256_;  // empty: moved from
  int64_t size_bytes_;
};

// Thread-safe.
class ArtifactStore {
 public:
  // Makes the directories where missing and removes left-over staging files. REQUIRES: `file_system` outlives
  // it; one process at a time uses `root`.
  static absl::StatusOr<std::unique_ptr<ArtifactStore>> Open(FileSystem* file_system, std::string root);

  // Copies `source_path` into staging/ (sharing blocks where the file system can), hashing while copying, and
  // syncs it. Errors: those of FileSystem; INVALID_ARGUMENT if it is no regular file; ABORTED if the file's
  // identity differs from `expected` before or after the copy: it changed while it was read.
  absl::StatusOr<StagedArtifact> Stage(const std::string& source_path, const FileIdentity& expected) const;

  // Where the artifact lies, or would lie.
  std::string PathOf(const std::string& sha256) const;
  bool Contains(const std::string& sha256) const;

 private:
  friend class StagedArtifact;
  ArtifactStore(FileSystem* file_system, std::string root)
      : file_system_(file_system), root_(std::move(root)) {}

  FileSystem* const file_system_;
  const std::string root_;
};

}  // namespace modeld
