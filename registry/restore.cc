#include "registry/restore.h"

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "SQLiteCpp/Database.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/artifact_store.h"
#include "registry/backup.h"
#include "registry/base/file_lock.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/base/temporary_file.h"
#include "registry/registry.h"

namespace modeld {
namespace {

constexpr char kLogSuffix[] = "-wal";

absl::StatusOr<bool> Exists(FileSystem& file_system, const std::string& path) {
  const absl::StatusOr<FileStat> stat = file_system.LinkStat(path);
  if (absl::IsNotFound(stat.status())) return false;
  MODELD_RETURN_IF_ERROR(stat.status());
  return true;
}

absl::StatusOr<TemporaryFile> CopyFile(FileSystem& file_system, const std::string& from, std::string to) {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd source, file_system.OpenForRead(from));
  MODELD_ASSIGN_OR_RETURN(TemporaryFile copy, TemporaryFile::Create(&file_system, std::move(to)));
  MODELD_RETURN_IF_ERROR(copy.CopyFrom(source.get(), std::numeric_limits<uint64_t>::max()).status());
  return copy;
}

absl::StatusOr<FileLock> Lock(const std::string& directory, const std::string& remedy) {
  absl::StatusOr<FileLock> lock = FileLock::Acquire(directory + "/lock");
  if (!absl::IsFailedPrecondition(lock.status())) return lock;
  return absl::FailedPreconditionError(absl::StrCat(Quote(directory, directory.size()), " is in use: ",
                                                    std::string(lock.status().message()), "; ", remedy));
}

class Restorer {
 public:
  Restorer(FileSystem& file_system, const Clock& clock, const RestoreOptions& options)
      : file_system_(file_system),
        clock_(clock),
        options_(options),
        place_(absl::StrCat(options.state_directory, "/", kRegistryFile)),
        copy_path_(place_ + ".restoring") {}

  absl::StatusOr<RestoreSummary> Run() {
    MODELD_RETURN_IF_ERROR(CheckBackupIsThere());
    MODELD_RETURN_IF_ERROR(file_system_.MakeDirectories(options_.state_directory));
    MODELD_ASSIGN_OR_RETURN(const FileLock lock, Lock(options_.state_directory, "stop the daemon first"));
    MODELD_RETURN_IF_ERROR(RequireForce());
    // A backup on a medium that cannot be written is not being written.
    const absl::StatusOr<FileLock> backup_lock = Lock(options_.backup, "wait until that is done");
    if (absl::IsFailedPrecondition(backup_lock.status())) return backup_lock.status();

    MODELD_ASSIGN_OR_RETURN(std::optional<TemporaryFile> copy, CopyRegistry());
    MODELD_RETURN_IF_ERROR(PrepareCopy());
    MODELD_RETURN_IF_ERROR(PutInPlace(*copy));
    return std::move(summary_);
  }

 private:
  absl::Status CheckBackupIsThere() {
    const std::string registry = absl::StrCat(options_.backup, "/", kRegistryFile);
    const absl::StatusOr<FileStat> stat = file_system_.Stat(registry);
    if (absl::IsNotFound(stat.status())) {
      return absl::NotFoundError(absl::StrCat(Quote(options_.backup, options_.backup.size()),
                                              " is no backup, or not a complete one: it has no ",
                                              kRegistryFile));
    }
    MODELD_RETURN_IF_ERROR(stat.status());
    if (stat->type == FileType::kRegular && stat->identity.size > 0) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("the backup's registry ",
                                                      Quote(registry, registry.size()),
                                                      " is empty or no file; use another backup"));
  }

  absl::Status RequireForce() {
    MODELD_ASSIGN_OR_RETURN(const bool there, Exists(file_system_, place_));
    if (!there || options_.force) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("there is a registry ", Quote(place_, place_.size()),
                     "; choose another directory, or --force to move it aside"));
  }

  // Beside its place, with the log that whoever wrote it last may have left.
  absl::StatusOr<std::optional<TemporaryFile>> CopyRegistry() {
    const std::string from = absl::StrCat(options_.backup, "/", kRegistryFile);
    for (const char* suffix : {kLogSuffix, "-shm"}) {
      const absl::Status removed = file_system_.Remove(copy_path_ + suffix);
      if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    }
    MODELD_ASSIGN_OR_RETURN(TemporaryFile copy, CopyFile(file_system_, from, copy_path_));
    MODELD_ASSIGN_OR_RETURN(const bool has_log, Exists(file_system_, from + kLogSuffix));
    if (has_log) {
      MODELD_ASSIGN_OR_RETURN(TemporaryFile log,
                              CopyFile(file_system_, from + kLogSuffix, copy_path_ + kLogSuffix));
      log_copy_.emplace(std::move(log));
    }
    return std::optional<TemporaryFile>(std::move(copy));
  }

  // Checks and migrates the copy, and brings the artifacts that it needs.
  absl::Status PrepareCopy() {
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(copy_path_);
    if (!registry.ok()) {
      return absl::Status(registry.status().code(), absl::StrCat("the backup's registry cannot be used: ",
                                                                 std::string(registry.status().message())));
    }
    MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> problems, (*registry)->CheckIntegrity());
    if (!problems.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the backup's registry is damaged (", absl::StrJoin(problems, "; "), "); use another backup"));
    }
    MODELD_ASSIGN_OR_RETURN(const std::vector<ArtifactRecord> artifacts, (*registry)->ListArtifacts());
    MODELD_RETURN_IF_ERROR(CheckSizes(artifacts));
    MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<ArtifactStore> store,
                            ArtifactStore::Open(&file_system_, options_.state_directory + "/artifacts"));
    for (const ArtifactRecord& artifact : artifacts) {
      if (!artifact.uses.empty()) MODELD_RETURN_IF_ERROR(CopyArtifact(*store, artifact));
    }
    EventRecord event;
    event.time = clock_.Now();
    event.actor = options_.actor;
    event.action = action::kRestored;
    event.reason = absl::StrCat("from ", Quote(options_.backup, options_.backup.size()));
    return (*registry)->RecordEvent(event);
  }

  // Before anything is copied, as far as that can be told quickly.
  absl::Status CheckSizes(const std::vector<ArtifactRecord>& artifacts) {
    for (const ArtifactRecord& artifact : artifacts) {
      if (!IsServed(artifact)) continue;
      const absl::StatusOr<FileStat> stat = file_system_.Stat(PathInBackup(artifact));
      if (absl::IsNotFound(stat.status())) return Lost(artifact, "is missing");
      MODELD_RETURN_IF_ERROR(stat.status());
      if (stat->identity.size != artifact.size_bytes) return Lost(artifact, "has another size");
    }
    return absl::OkStatus();
  }

  absl::Status CopyArtifact(const ArtifactStore& store, const ArtifactRecord& artifact) {
    const std::string path = PathInBackup(artifact);
    const absl::StatusOr<FileStat> stat = file_system_.Stat(path);
    if (absl::IsNotFound(stat.status())) return LeaveOut(artifact, "is missing");
    MODELD_RETURN_IF_ERROR(stat.status());
    MODELD_ASSIGN_OR_RETURN(StagedArtifact staged, store.Stage(path, stat->identity));
    if (staged.sha256() != artifact.sha256) return LeaveOut(artifact, "is damaged");
    ++summary_.artifacts;
    summary_.bytes += staged.size_bytes();
    return staged.Commit();
  }

  absl::Status LeaveOut(const ArtifactRecord& artifact, const std::string& why) {
    if (IsServed(artifact)) return Lost(artifact, why);
    summary_.left_out.push_back(absl::StrCat(artifact.sha256, " of ", NameUses(artifact)));
    return absl::OkStatus();
  }

  absl::Status Lost(const ArtifactRecord& artifact, const std::string& why) {
    const std::string path = PathInBackup(artifact);
    return absl::DataLossError(absl::StrCat("in the backup, artifact ", Quote(path, path.size()), " of ",
                                            NameUses(artifact), " ", why, "; use another backup"));
  }

  std::string PathInBackup(const ArtifactRecord& artifact) const {
    return absl::StrCat(options_.backup, "/", ArtifactPath(artifact.sha256));
  }

  // REQUIRES: the copy is closed, so that its log is written back.
  absl::Status PutInPlace(TemporaryFile& copy) {
    MODELD_ASSIGN_OR_RETURN(const bool has_log, Exists(file_system_, copy_path_ + kLogSuffix));
    if (has_log) {
      return absl::InternalError(absl::StrCat("the log of ", Quote(copy_path_, copy_path_.size()),
                                              " could not be written back; is the disk full?"));
    }
    MODELD_ASSIGN_OR_RETURN(const std::string aside, MoveAside());
    const absl::Status put = copy.RenameTo(place_);
    if (put.ok() || copy.path().empty()) {
      summary_.replaced = aside;
      return put;
    }
    if (aside.empty()) return put;
    file_system_.Rename(aside + kLogSuffix, place_ + kLogSuffix).IgnoreError();  // mostly there is none
    file_system_.Rename(aside, place_).IgnoreError();
    return put;
  }

  // Moves what is there away; where to, or empty if there is nothing.
  absl::StatusOr<std::string> MoveAside() {
    MODELD_ASSIGN_OR_RETURN(const bool there, Exists(file_system_, place_));
    if (there) WriteLogBack();
    MODELD_ASSIGN_OR_RETURN(const std::string aside, NameAside());
    // The log first, and always: it must not come to lie beside the new registry.
    MODELD_ASSIGN_OR_RETURN(const bool has_log, Exists(file_system_, place_ + kLogSuffix));
    if (has_log) {
      MODELD_RETURN_IF_ERROR(file_system_.Rename(place_ + kLogSuffix, aside + kLogSuffix));
    }
    const absl::Status index_removed = file_system_.Remove(place_ + "-shm");
    if (!index_removed.ok() && !absl::IsNotFound(index_removed)) return index_removed;
    if (!there) return std::string();
    const absl::Status moved = file_system_.Rename(place_, aside);
    if (moved.ok()) return aside;
    if (has_log) file_system_.Rename(aside + kLogSuffix, place_ + kLogSuffix).IgnoreError();
    return moved;
  }

  // As far as that is possible: the registry may be damaged, which is why it is replaced.
  void WriteLogBack() {
    try {
      SQLite::Database database(place_, SQLite::OPEN_READWRITE);
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const SQLite::Exception&) {
    }
  }

  absl::StatusOr<std::string> NameAside() {
    const std::string stem = absl::StrCat(
        place_, ".before-restore-", absl::FormatTime("%Y%m%dT%H%M%SZ", clock_.Now(), absl::UTCTimeZone()));
    std::string name = stem;
    for (int i = 2;; ++i) {
      MODELD_ASSIGN_OR_RETURN(const bool taken, Exists(file_system_, name));
      if (!taken) return name;
      name = absl::StrCat(stem, "-", i);
    }
  }

  FileSystem& file_system_;
  const Clock& clock_;
  const RestoreOptions& options_;
  const std::string place_;
  const std::string copy_path_;
  std::optional<TemporaryFile> log_copy_;
  RestoreSummary summary_;
};

}  // namespace

absl::StatusOr<RestoreSummary> RestoreBackup(FileSystem& file_system, const Clock& clock,
                                             const RestoreOptions& options) {
  return Restorer(file_system, clock, options).Run();
}

}  // namespace modeld
