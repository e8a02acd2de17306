// ArtifactStore: the daemon's own copies of artifacts, by content.
//
// Layout: <root>/sha256/ab/ab12…ef (mode 0400), and <root>/staging/ for copies being made. What stands under
// sha256/ is complete, synced to disk and never changed. Left-over staging files of a crash are removed by
// Open.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/file_system.h"
#include "registry/base/mutex.h"
#include "registry/sha256.h"

namespace modeld {

class ArtifactStore;

// Artifacts that are committed and perhaps not registered yet. Internal to this file.
struct ArtifactReservations {
  Mutex mutex;  // held while an artifact is removed, so that none is reserved and removed at once
  std::map<std::string, int> counts ABSL_GUARDED_BY(mutex);
};

// A copy that is complete in staging/ but not yet in the store. Destroying it without Commit removes the
// copy. From Commit on, while it lives, ArtifactStore::Remove leaves the artifact alone: keep it until the
// version that needs it is registered. Move-only. Not thread-safe.
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
  friend class ArtifactWriter;
  StagedArtifact(const ArtifactStore* store, std::string path, std::string sha256, int64_t size_bytes)
      : store_(store), path_(std::move(path)), sha256_(std::move(sha256)), size_bytes_(size_bytes) {}

  const ArtifactStore* store_;
  std::string path_;    // empty: in its place or moved from
  std::string sha256_;  // empty: moved from
  int64_t size_bytes_;
  std::shared_ptr<ArtifactReservations> reserved_;  // null: not reserved
};

// An artifact that comes in pieces. Destroying it without Finish removes what came. Move-only. Not
// thread-safe.
class ArtifactWriter {
 public:
  absl::Status Append(std::string_view data);
  // Syncs what came; the writer is used up.
  absl::StatusOr<StagedArtifact> Finish();

 private:
  friend class ArtifactStore;
  ArtifactWriter(StagedArtifact staged, UniqueFd file) : staged_(std::move(staged)), file_(std::move(file)) {}

  StagedArtifact staged_;
  UniqueFd file_;
  std::unique_ptr<Sha256> sha256_ = std::make_unique<Sha256>();
  int64_t size_bytes_ = 0;
};

// A file of the store as it lies there.
struct StoredFile {
  std::string sha256;  // by its name
  int64_t size_bytes = 0;
  int64_t mtime_ns = 0;  // since the epoch
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
  // Begins an artifact whose bytes come from elsewhere.
  absl::StatusOr<ArtifactWriter> Begin() const;
  // A path in staging/ that nothing else uses, for a file of the caller's; left over, Open removes it.
  std::string NewStagingPath() const;

  // Where the artifact lies, or would lie.
  std::string PathOf(const std::string& sha256) const;
  bool Contains(const std::string& sha256) const;

  // All artifacts, by hash. Files that do not lie where PathOf says are `strangers`, relative to the root,
  // where that is not null.
  absl::StatusOr<std::vector<StoredFile>> List(std::vector<std::string>* strangers = nullptr) const;
  // Files in staging/; in place of a hash, where they lie relative to the root.
  absl::StatusOr<std::vector<StoredFile>> ListStaging() const;

  // Whether something refers to the artifact now.
  using IsNeededFn = std::function<absl::StatusOr<bool>()>;
  // Removes the artifact unless it is needed, or is being registered just now; true if it was removed. Not
  // synced: after a crash it may be there again. `is_needed` must not call the store.
  absl::StatusOr<bool> Remove(const std::string& sha256, const IsNeededFn& is_needed) const;

 private:
  friend class StagedArtifact;
  friend class ArtifactWriter;
  ArtifactStore(FileSystem* file_system, std::string root)
      : file_system_(file_system), root_(std::move(root)) {}

  FileSystem* const file_system_;
  const std::string root_;
  const std::shared_ptr<ArtifactReservations> reservations_ = std::make_shared<ArtifactReservations>();
};

}  // namespace modeld
