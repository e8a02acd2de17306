// UploadStore: artifacts that are being uploaded, as far as they have come.
//
// Layout: <root>/<sha256>.part, named by the hash of the whole. A broken upload leaves its part, and the next
// one of the same artifact goes on there. Parts are not synced: what a power failure spoils shows in the hash
// at the end, and is removed then. Parts that nobody went on with for `keep` are removed by Open, and the
// oldest of the others where the room that all may take is needed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/base/clock.h"
#include "registry/base/file_system.h"
#include "registry/base/mutex.h"
#include "registry/sha256.h"

namespace modeld {

struct UploadLimits {
  int64_t max_bytes = int64_t{32} << 30;        // of one artifact
  int64_t max_total_bytes = int64_t{64} << 30;  // of all parts, each that is written counted in full
  absl::Duration keep = absl::Hours(7 * 24);
};

class UploadStore;

// The right to write one artifact; only one at a time has it. Destroying it gives the right back and leaves
// the part for the next one. Not thread-safe.
class Upload {
 public:
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Where the part lies.
  const std::string& path() const { return path_; }
  const std::string& sha256() const { return sha256_; }
  int64_t size_bytes() const { return size_bytes_; }
  int64_t received_bytes() const { return received_bytes_; }

  // INVALID_ARGUMENT where it is more than was announced, which nothing is written of; else the
  // FileSystem's error (RESOURCE_EXHAUSTED: the disk is full), after which only destruction makes sense. What
  // was written stays.
  absl::Status Append(std::string_view data);
  // OK: the part is the whole artifact, with the hash announced. INVALID_ARGUMENT: bytes are missing, and may
  // be sent by the next upload. DATA_LOSS: the hash is another one; the part is removed. Call once, last.
  absl::Status Finish();
  // Writes `config` beside the part, as `<part>.config.json`, until destruction.
  absl::Status WriteSidecar(std::string_view config);
  // Removes the part: it is not needed any more.
  void Remove();

 private:
  friend class UploadStore;
  Upload(UploadStore* store, std::string path, std::string sha256, int64_t size_bytes)
      : store_(store), path_(std::move(path)), sha256_(std::move(sha256)), size_bytes_(size_bytes) {}
  // Opens the part, cuts it off at `offset` and hashes what is left.
  absl::Status Open(int64_t offset);

  UploadStore* const store_;
  const std::string path_;
  const std::string sha256_;
  const int64_t size_bytes_;
  UniqueFd part_;
  Sha256 hash_;  // of the first received_bytes_
  int64_t received_bytes_ = 0;
  bool has_sidecar_ = false;
};

// Thread-safe.
class UploadStore {
 public:
  // Makes `root` where it is missing and removes what is too old. REQUIRES: `file_system` and `clock` outlive
  // it; one process at a time uses `root`.
  static absl::StatusOr<std::unique_ptr<UploadStore>> Open(FileSystem* file_system, const Clock* clock,
                                                           std::string root, UploadLimits limits = {});

  // Bytes that are there of the artifact with this hash; 0: none. INVALID_ARGUMENT: it is no hash.
  absl::StatusOr<int64_t> ReceivedBytes(const std::string& sha256) const;

  // Begins to write an artifact, or goes on after its first `offset` bytes. INVALID_ARGUMENT: no hash, or an
  // impossible size or offset; OUT_OF_RANGE: fewer than `offset` bytes are there; ABORTED: somebody else
  // writes it; RESOURCE_EXHAUSTED: there is no room for it. The store outlives the Upload.
  absl::StatusOr<std::unique_ptr<Upload>> Begin(const std::string& sha256, int64_t size_bytes,
                                                int64_t offset);

 private:
  friend class Upload;
  struct Part {
    std::string sha256;
    int64_t size_bytes = 0;
    absl::Time written_at;
  };

  UploadStore(FileSystem* file_system, std::string root, UploadLimits limits)
      : file_system_(file_system), root_(std::move(root)), limits_(limits) {}
  std::string PathOf(const std::string& sha256) const;
  // Those on disk, the one written last at the end.
  absl::StatusOr<std::vector<Part>> ListParts() const;
  absl::StatusOr<int64_t> SizeOf(const std::string& sha256) const;
  // Gives the right to write an artifact to the caller, who calls End. Errors: those of Begin.
  absl::Status Reserve(const std::string& sha256, int64_t size_bytes, int64_t offset);
  void End(const std::string& sha256);
  // Removes the oldest parts that nobody writes, but for that of `sha256`, until `size_bytes` fit.
  absl::Status MakeRoom(const std::string& sha256, int64_t size_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem* const file_system_;
  const std::string root_;
  const UploadLimits limits_;

  mutable Mutex mutex_;
  std::map<std::string, int64_t> active_ ABSL_GUARDED_BY(mutex_);  // hash to announced size
};

}  // namespace modeld
