// BackupWriter: takes what SendBackup sends into a directory that is laid out as a state directory:
// registry.db and artifacts/sha256/ab/ab12…
//
// The directory is new, or holds an earlier backup, whose artifacts are not sent again. registry.db changes
// last and in one step: whatever happens before, the earlier backup stays whole. Artifacts that the new one
// does not need any more are left: `modelctl --db DIR/registry.db gc --apply` removes them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "modeld/v1/admin_service.pb.h"
#include "registry/artifact_store.h"
#include "registry/base/file_lock.h"
#include "registry/base/file_system.h"

namespace modeld {

struct BackupSummary {
  int64_t artifacts = 0;           // that the backup holds and needs
  int64_t bytes = 0;               // of them
  int64_t received_artifacts = 0;  // this time
  int64_t received_bytes = 0;      // this time, with the registry
  // Artifacts that are missing, of versions that are not served: "ab12… of digits 1.0".
  std::vector<std::string> left_out;
};

// Not thread-safe. Destroying it without Finish leaves the earlier backup, and the artifacts that came.
class BackupWriter {
 public:
  // Makes the directory where missing. FAILED_PRECONDITION: it holds something that is no backup, or another
  // process works on it.
  static absl::StatusOr<std::unique_ptr<BackupWriter>> Open(FileSystem* file_system, std::string directory);

  // Hashes of the artifacts that are there, for BackupRequest.have_sha256.
  absl::StatusOr<std::vector<std::string>> Have() const;
  // DATA_LOSS: a file is not what its header says. INVALID_ARGUMENT: no part of a backup.
  absl::Status Take(const v1::BackupResponse& part);
  // After the last part. DATA_LOSS: an artifact is not all there.
  absl::StatusOr<BackupSummary> Finish();

 private:
  BackupWriter(FileSystem* file_system, std::string directory, FileLock lock,
               std::unique_ptr<ArtifactStore> store);
  absl::Status BeginFile(const v1::BackupFile& file);
  // The file that began last is complete.
  absl::Status EndFile();
  absl::Status PutRegistry();
  absl::Status CheckArtifacts(BackupSummary* summary);

  FileSystem* const file_system_;
  const std::string directory_;
  const FileLock lock_;
  const std::unique_ptr<ArtifactStore> store_;

  std::optional<ArtifactWriter> writer_;  // of the file that is coming
  v1::BackupFile header_;                 // of it
  std::optional<StagedArtifact> registry_;
  BackupSummary summary_;
};

}  // namespace modeld
