#include "registry/artifact_store.h"

#include <unistd.h>

#include <atomic>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/sha256.h"

namespace modeld {
namespace {

constexpr size_t kCopyBufferBytes = 1 << 20;

struct Content {
  std::string sha256;
  int64_t size_bytes = 0;
};

// Reads `source` to its end, hashing; writes what it reads to `destination` unless that is -1.
absl::StatusOr<Content> HashAndCopy(FileSystem& file_system, int source, int destination) {
  Sha256 sha256;
  Content content;
  std::vector<char> buffer(kCopyBufferBytes);
  while (true) {
    MODELD_ASSIGN_OR_RETURN(const size_t size, file_system.Read(source, buffer.data(), buffer.size()));
    if (size == 0) break;
    const std::string_view data(buffer.data(), size);
    sha256.Update(data);
    if (destination >= 0) MODELD_RETURN_IF_ERROR(file_system.Write(destination, data));
    content.size_bytes += static_cast<int64_t>(size);
  }
  MODELD_ASSIGN_OR_RETURN(content.sha256, sha256.Finish());
  return content;
}

absl::Status CheckUnchanged(FileSystem& file_system, int fd, const std::string& path,
                            const FileIdentity& expected) {
  MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system.StatDescriptor(fd));
  if (stat.type != FileType::kRegular) {
    return absl::InvalidArgumentError(absl::StrCat(Quote(path), " is not a regular file"));
  }
  if (stat.identity == expected) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(Quote(path), " changed while it was read"));
}

// Unique in this process and, while only one process uses a store, in its staging directory.
std::string StagingName() {
  static std::atomic<uint64_t> counter = 0;
  return absl::StrCat(::getpid(), "-", ++counter);
}

}  // namespace

StagedArtifact::StagedArtifact(StagedArtifact&& other) noexcept
    : store_(other.store_),
      path_(std::exchange(other.path_, "")),
      sha256_(std::exchange(other.sha256_, "")),
      size_bytes_(other.size_bytes_),
      reserved_(std::move(other.reserved_)) {}

StagedArtifact& StagedArtifact::operator=(StagedArtifact&& other) noexcept {
  // The old copy leaves with the temporary.
  StagedArtifact moved(std::move(other));
  std::swap(store_, moved.store_);
  std::swap(path_, moved.path_);
  std::swap(sha256_, moved.sha256_);
  std::swap(size_bytes_, moved.size_bytes_);
  std::swap(reserved_, moved.reserved_);
  return *this;
}

StagedArtifact::~StagedArtifact() {
  // Open removes what could not be removed here.
  if (!path_.empty()) store_->file_system_->Remove(path_).IgnoreError();
  if (reserved_ == nullptr) return;
  MutexLock lock(&reserved_->mutex);
  const auto reserved = reserved_->counts.find(sha256_);
  if (--reserved->second == 0) reserved_->counts.erase(reserved);
}

absl::Status StagedArtifact::Commit() {
  if (sha256_.empty()) return absl::OkStatus();
  FileSystem& file_system = *store_->file_system_;
  const std::string place = store_->PathOf(sha256_);
  const std::string all_artifacts = store_->root_ + "/sha256";
  const std::string directory = place.substr(0, place.rfind('/'));
  if (reserved_ == nullptr) {
    reserved_ = store_->reservations_;
    MutexLock lock(&reserved_->mutex);
    ++reserved_->counts[sha256_];
  }
  if (!path_.empty()) {
    MODELD_RETURN_IF_ERROR(file_system.MakeDirectories(directory));
    MODELD_RETURN_IF_ERROR(file_system.FsyncDirectory(all_artifacts));
    // Also over one that is there: should it have been damaged from outside, this mends it.
    MODELD_RETURN_IF_ERROR(file_system.Rename(path_, place));
    path_.clear();
  }
  return file_system.FsyncDirectory(directory);
}

absl::Status ArtifactWriter::Append(std::string_view data) {
  MODELD_RETURN_IF_ERROR(staged_.store_->file_system_->Write(file_.get(), data));
  sha256_->Update(data);
  size_bytes_ += static_cast<int64_t>(data.size());
  return absl::OkStatus();
}

absl::StatusOr<StagedArtifact> ArtifactWriter::Finish() {
  FileSystem& file_system = *staged_.store_->file_system_;
  MODELD_RETURN_IF_ERROR(file_system.SetMode(file_.get(), 0400));
  MODELD_RETURN_IF_ERROR(file_system.Fsync(file_.get()));
  MODELD_ASSIGN_OR_RETURN(staged_.sha256_, sha256_->Finish());
  staged_.size_bytes_ = size_bytes_;
  return std::move(staged_);
}

absl::StatusOr<std::unique_ptr<ArtifactStore>> ArtifactStore::Open(FileSystem* file_system,
                                                                   std::string root) {
  const std::string staging = root + "/staging";
  MODELD_RETURN_IF_ERROR(file_system->MakeDirectories(root + "/sha256"));
  MODELD_RETURN_IF_ERROR(file_system->MakeDirectories(staging));
  MODELD_RETURN_IF_ERROR(file_system->FsyncDirectory(root));
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> left_over, file_system->List(staging));
  for (const std::string& name : left_over) {
    // What cannot be removed is none of ours: a directory, say. It is in nobody's way.
    const absl::Status removed = file_system->Remove(absl::StrCat(staging, "/", name));
    if (!removed.ok()) LogWarning("left over in staging", {{"error", removed}});
  }
  return std::unique_ptr<ArtifactStore>(new ArtifactStore(file_system, std::move(root)));
}

absl::StatusOr<StagedArtifact> ArtifactStore::Stage(const std::string& source_path,
                                                    const FileIdentity& expected) const {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd source, file_system_->OpenForRead(source_path));
  MODELD_RETURN_IF_ERROR(CheckUnchanged(*file_system_, source.get(), source_path, expected));

  const std::string path = NewStagingPath();
  MODELD_ASSIGN_OR_RETURN(const UniqueFd copy, file_system_->CreateExclusive(path));
  // From here on the copy is removed when anything fails.
  StagedArtifact staged(this, path, /*sha256=*/"", /*size_bytes=*/0);
  // Whatever the reason for which blocks cannot be shared, if it is a real one, copying meets it again.
  const bool shared = file_system_->Clone(source.get(), copy.get()).ok();
  MODELD_ASSIGN_OR_RETURN(Content content, shared ? HashAndCopy(*file_system_, copy.get(), /*destination=*/-1)
                                                  : HashAndCopy(*file_system_, source.get(), copy.get()));
  MODELD_RETURN_IF_ERROR(CheckUnchanged(*file_system_, source.get(), source_path, expected));
  MODELD_RETURN_IF_ERROR(file_system_->SetMode(copy.get(), 0400));
  MODELD_RETURN_IF_ERROR(file_system_->Fsync(copy.get()));
  staged.sha256_ = std::move(content.sha256);
  staged.size_bytes_ = content.size_bytes;
  return staged;
}

absl::StatusOr<ArtifactWriter> ArtifactStore::Begin() const {
  std::string path = NewStagingPath();
  MODELD_ASSIGN_OR_RETURN(UniqueFd file, file_system_->CreateExclusive(path));
  return ArtifactWriter(StagedArtifact(this, std::move(path), /*sha256=*/"", /*size_bytes=*/0),
                        std::move(file));
}

std::string ArtifactStore::NewStagingPath() const { return absl::StrCat(root_, "/staging/", StagingName()); }

std::string ArtifactStore::PathOf(const std::string& sha256) const {
  return absl::StrCat(root_, "/sha256/", sha256.substr(0, 2), "/", sha256);
}

bool ArtifactStore::Contains(const std::string& sha256) const {
  const absl::StatusOr<FileStat> stat = file_system_->Stat(PathOf(sha256));
  return stat.ok() && stat->type == FileType::kRegular;
}

absl::StatusOr<std::vector<StoredFile>> ArtifactStore::List(std::vector<std::string>* strangers) const {
  std::vector<StoredFile> files;
  const auto stranger = [&](const std::string& relative) {
    if (strangers != nullptr) strangers->push_back(relative);
  };
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> directories, file_system_->List(root_ + "/sha256"));
  for (const std::string& directory : directories) {
    const std::string relative = absl::StrCat("sha256/", directory);
    absl::StatusOr<std::vector<std::string>> names = file_system_->List(absl::StrCat(root_, "/", relative));
    if (absl::IsNotFound(names.status())) {  // no directory
      stranger(relative);
      continue;
    }
    MODELD_RETURN_IF_ERROR(names.status());
    for (const std::string& name : *names) {
      const std::string path = absl::StrCat(root_, "/", relative, "/", name);
      const absl::StatusOr<FileStat> stat = file_system_->LinkStat(path);
      if (absl::IsNotFound(stat.status())) continue;  // removed meanwhile
      MODELD_RETURN_IF_ERROR(stat.status());
      if (IsSha256(name) && PathOf(name) == path && stat->type == FileType::kRegular) {
        files.push_back(
            {.sha256 = name, .size_bytes = stat->identity.size, .mtime_ns = stat->identity.mtime_ns});
      } else {
        stranger(absl::StrCat(relative, "/", name));
      }
    }
  }
  return files;
}

absl::StatusOr<std::vector<StoredFile>> ArtifactStore::ListStaging() const {
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system_->List(root_ + "/staging"));
  std::vector<StoredFile> files;
  for (const std::string& name : names) {
    std::string relative = absl::StrCat("staging/", name);
    const absl::StatusOr<FileStat> stat = file_system_->LinkStat(absl::StrCat(root_, "/", relative));
    if (absl::IsNotFound(stat.status())) continue;  // ready meanwhile
    MODELD_RETURN_IF_ERROR(stat.status());
    files.push_back({.sha256 = std::move(relative),
                     .size_bytes = stat->identity.size,
                     .mtime_ns = stat->identity.mtime_ns});
  }
  return files;
}

absl::StatusOr<bool> ArtifactStore::Remove(const std::string& sha256, const IsNeededFn& is_needed) const {
  MutexLock lock(&reservations_->mutex);
  if (reservations_->counts.count(sha256) > 0) return false;
  MODELD_ASSIGN_OR_RETURN(const bool needed, is_needed());
  if (needed) return false;
  const absl::Status removed = file_system_->Remove(PathOf(sha256));
  if (absl::IsNotFound(removed)) return false;
  MODELD_RETURN_IF_ERROR(removed);
  return true;
}

}  // namespace modeld
