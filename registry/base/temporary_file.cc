#include "registry/base/temporary_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr uint64_t kCopyBytes = 1 << 20;

}  // namespace

absl::StatusOr<TemporaryFile> TemporaryFile::Create(FileSystem* file_system, std::string path) {
  if (const absl::Status removed = file_system->Remove(path); !removed.ok() && !absl::IsNotFound(removed)) {
    return removed;
  }
  MODELD_ASSIGN_OR_RETURN(UniqueFd fd, file_system->CreateExclusive(path));
  return TemporaryFile(file_system, std::move(path), std::move(fd));
}

TemporaryFile::TemporaryFile(FileSystem* file_system, std::string path, UniqueFd fd)
    : file_system_(file_system), path_(std::move(path)), fd_(std::move(fd)) {}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : file_system_(other.file_system_), path_(std::exchange(other.path_, "")), fd_(std::move(other.fd_)) {}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) file_system_->Remove(path_).IgnoreError();
}

absl::Status TemporaryFile::Write(std::string_view data) { return file_system_->Write(fd_.get(), data); }

absl::StatusOr<uint64_t> TemporaryFile::CopyFrom(int source, uint64_t bytes) {
  std::vector<char> buffer(std::min(bytes, kCopyBytes));
  uint64_t copied = 0;
  while (copied < bytes) {
    const size_t wanted = std::min<uint64_t>(bytes - copied, buffer.size());
    MODELD_ASSIGN_OR_RETURN(const size_t size, file_system_->Read(source, buffer.data(), wanted));
    if (size == 0) break;
    MODELD_RETURN_IF_ERROR(Write(std::string_view(buffer.data(), size)));
    copied += size;
  }
  return copied;
}

absl::Status TemporaryFile::RenameTo(const std::string& target) {
  MODELD_RETURN_IF_ERROR(file_system_->Fsync(fd_.get()));
  MODELD_RETURN_IF_ERROR(file_system_->Rename(path_, target));
  path_.clear();
  return file_system_->FsyncDirectory(DirectoryOf(target));
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace modeld
