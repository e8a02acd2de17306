#include "registry/backup_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/backup.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/registry.h"
#include "registry/sha256.h"

namespace modeld {
namespace {

constexpr unsigned kRegistryMode = 0600;

absl::Status CheckIsBackup(FileSystem& file_system, const std::string& directory) {
  static constexpr const char* kParts[] = {"artifacts",       "lock",           "lost+found", kRegistryFile,
                                           "registry.db-shm", "registry.db-wal"};
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system.List(directory));
  for (const std::string& name : names) {
    if (std::find(std::begin(kParts), std::end(kParts), name) != std::end(kParts)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(Quote(directory, directory.size()), " holds ", Quote(name),
                     ", which is no part of a backup; choose a new directory, or one of an earlier backup"));
  }
  if (file_system.Stat(directory + "/artifacts/uploads").ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quote(directory, directory.size()),
                     " is a daemon's state directory; choose a new directory, or one of an earlier backup"));
  }
  return absl::OkStatus();
}

// A change that somebody made to the earlier backup lies in a log beside it, which must not come to lie
// beside the new one.
absl::Status SettleLog(FileSystem& file_system, const std::string& registry) {
  const absl::StatusOr<FileStat> log = file_system.Stat(registry + "-wal");
  if (!log.ok() || log->identity.size == 0) return absl::OkStatus();
  return Registry::Open(registry).status();  // closing it writes the log back
}

}  // namespace

BackupWriter::BackupWriter(FileSystem* file_system, std::string directory, FileLock lock,
                           std::unique_ptr<ArtifactStore> store)
    : file_system_(file_system),
      directory_(std::move(directory)),
      lock_(std::move(lock)),
      store_(std::move(store)) {}

absl::StatusOr<std::unique_ptr<BackupWriter>> BackupWriter::Open(FileSystem* file_system,
                                                                 std::string directory) {
  MODELD_RETURN_IF_ERROR(file_system->MakeDirectories(directory));
  MODELD_RETURN_IF_ERROR(CheckIsBackup(*file_system, directory));
  absl::StatusOr<FileLock> lock = FileLock::Acquire(directory + "/lock");
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(absl::StrCat(Quote(directory, directory.size()),
                                                      " is in use: ", std::string(lock.status().message()),
                                                      "; choose another directory"));
  }
  MODELD_RETURN_IF_ERROR(lock.status());
  MODELD_RETURN_IF_ERROR(SettleLog(*file_system, absl::StrCat(directory, "/", kRegistryFile)));
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<ArtifactStore> store,
                          ArtifactStore::Open(file_system, directory + "/artifacts"));
  return std::unique_ptr<BackupWriter>(
      new BackupWriter(file_system, std::move(directory), *std::move(lock), std::move(store)));
}

absl::StatusOr<std::vector<std::string>> BackupWriter::Have() const {
  MODELD_ASSIGN_OR_RETURN(const std::vector<StoredFile> files, store_->List());
  std::vector<std::string> hashes;
  hashes.reserve(files.size());
  for (const StoredFile& file : files) hashes.push_back(file.sha256);
  return hashes;
}

absl::Status BackupWriter::Take(const v1::BackupResponse& part) {
  switch (part.part_case()) {
    case v1::BackupResponse::kFile:
      MODELD_RETURN_IF_ERROR(EndFile());
      return BeginFile(part.file());
    case v1::BackupResponse::kData:
      if (!writer_) return absl::InvalidArgumentError("the backup's bytes begin without a file");
      summary_.received_bytes += static_cast<int64_t>(part.data().size());
      return writer_->Append(part.data());
    case v1::BackupResponse::PART_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("the backup has a part that is neither a file nor bytes");
}

absl::Status BackupWriter::BeginFile(const v1::BackupFile& file) {
  const bool known = IsSha256(file.sha256()) &&
                     (file.path() == kRegistryFile ? !registry_ : file.path() == ArtifactPath(file.sha256()));
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrCat("the backup has a file ", Quote(file.path()), ", which is no part of one"));
  }
  MODELD_ASSIGN_OR_RETURN(ArtifactWriter writer, store_->Begin());
  writer_.emplace(std::move(writer));
  header_ = file;
  return absl::OkStatus();
}

absl::Status BackupWriter::EndFile() {
  if (!writer_) return absl::OkStatus();
  absl::StatusOr<StagedArtifact> staged = writer_->Finish();
  writer_.reset();
  MODELD_RETURN_IF_ERROR(staged.status());
  if (staged->sha256() != header_.sha256() || staged->size_bytes() != header_.size_bytes()) {
    return absl::DataLossError(absl::StrCat("what came of ", Quote(header_.path()),
                                            " is not what was sent: ", staged->size_bytes(), " bytes of ",
                                            header_.size_bytes(), ", sha256 ", staged->sha256()));
  }
  if (header_.path() == kRegistryFile) {
    registry_.emplace(*std::move(staged));
    return absl::OkStatus();
  }
  ++summary_.received_artifacts;
  return staged->Commit();
}

absl::StatusOr<BackupSummary> BackupWriter::Finish() {
  MODELD_RETURN_IF_ERROR(EndFile());
  if (!registry_) return absl::DataLossError("the backup ended before the registry came");
  MODELD_RETURN_IF_ERROR(CheckArtifacts(&summary_));
  MODELD_RETURN_IF_ERROR(PutRegistry());
  return std::move(summary_);
}

absl::Status BackupWriter::CheckArtifacts(BackupSummary* summary) {
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Registry> registry,
                          Registry::Open(registry_->path(), Registry::Mode::kReadOnly));
  MODELD_ASSIGN_OR_RETURN(const std::vector<ArtifactRecord> artifacts, registry->ListArtifacts());
  for (const ArtifactRecord& artifact : artifacts) {
    if (artifact.uses.empty()) continue;
    const absl::StatusOr<FileStat> stat = file_system_->Stat(store_->PathOf(artifact.sha256));
    if (absl::IsNotFound(stat.status())) {
      const std::string name = absl::StrCat(artifact.sha256, " of ", NameUses(artifact));
      if (IsServed(artifact)) return absl::DataLossError(absl::StrCat("artifact ", name, " did not come"));
      summary->left_out.push_back(name);
      continue;
    }
    MODELD_RETURN_IF_ERROR(stat.status());
    if (stat->identity.size != artifact.size_bytes) {
      // Of an earlier backup: without it, the next one sends it again.
      const absl::Status removed = file_system_->Remove(store_->PathOf(artifact.sha256));
      return absl::DataLossError(absl::StrCat(
          "artifact ", artifact.sha256, " of ", NameUses(artifact), " is damaged in the earlier backup (",
          stat->identity.size, " bytes, expected ", artifact.size_bytes, ")",
          removed.ok() ? "; it was removed, so back up once more" : "; remove it and back up once more"));
    }
    ++summary->artifacts;
    summary->bytes += artifact.size_bytes;
  }
  return absl::OkStatus();
}

absl::Status BackupWriter::PutRegistry() {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd file, file_system_->OpenForRead(registry_->path()));
  MODELD_RETURN_IF_ERROR(file_system_->SetMode(file.get(), kRegistryMode));  // to be worked on with --db
  MODELD_RETURN_IF_ERROR(file_system_->Fsync(file.get()));
  MODELD_RETURN_IF_ERROR(
      file_system_->Rename(registry_->path(), absl::StrCat(directory_, "/", kRegistryFile)));
  return file_system_->FsyncDirectory(directory_);
}

}  // namespace modeld
