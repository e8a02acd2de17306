#include "registry/base/file_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "registry/base/errno_status.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

absl::Status PathError(const std::string& verb, const std::string& path) {
  const int error = errno;
  return ErrnoStatus(error, absl::StrCat("cannot ", verb, " ", Quote(path)));
}

// What the kernel says that an open descriptor is. For messages only: it may have been renamed or deleted.
std::string PathOfDescriptor(int fd) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), path, sizeof(path));
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : absl::StrCat("descriptor ", fd);
}

absl::Status DescriptorError(const std::string& verb, int fd) {
  const int error = errno;
  return ErrnoStatus(error, absl::StrCat("cannot ", verb, " ", Quote(PathOfDescriptor(fd))));
}

// Calls `function` until no signal interrupts it.
template <typename Function>
auto RetryOnSignal(Function function) {
  while (true) {
    const auto result = function();
    if (result >= 0 || errno != EINTR) return result;
  }
}

int64_t Nanoseconds(const struct timespec& time) { return time.tv_sec * 1'000'000'000ll + time.tv_nsec; }

FileStat ToFileStat(const struct stat& status) {
  FileStat result;
  result.type = S_ISREG(status.st_mode)   ? FileType::kRegular
                : S_ISDIR(status.st_mode) ? FileType::kDirectory
                : S_ISLNK(status.st_mode) ? FileType::kSymlink
                                          : FileType::kOther;
  result.identity = {.size = status.st_size,
                     .mtime_ns = Nanoseconds(status.st_mtim),
                     .ctime_ns = Nanoseconds(status.st_ctim),
                     .inode = status.st_ino,
                     .device = status.st_dev};
  return result;
}

class RealFileSystem final : public FileSystem {
 public:
  absl::StatusOr<FileStat> Stat(const std::string& path) override {
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) return PathError("look at", path);
    return ToFileStat(status);
  }

  absl::StatusOr<FileStat> LinkStat(const std::string& path) override {
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0) return PathError("look at", path);
    return ToFileStat(status);
  }

  absl::StatusOr<FileStat> StatDescriptor(int fd) override {
    struct stat status;
    if (::fstat(fd, &status) != 0) return DescriptorError("look at", fd);
    return ToFileStat(status);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    const auto close = [](DIR* stream) { ::closedir(stream); };
    const std::unique_ptr<DIR, decltype(close)> stream(::opendir(directory.c_str()), close);
    if (stream == nullptr) return PathError("list", directory);
    std::vector<std::string> names;
    while (true) {
      errno = 0;
      const struct dirent* entry = ::readdir(stream.get());
      if (entry == nullptr && errno != 0) return PathError("list", directory);
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<std::string> RealPath(const std::string& path) override {
    const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(path.c_str(), nullptr), &::free);
    if (resolved == nullptr) return PathError("resolve", path);
    return std::string(resolved.get());
  }

  absl::StatusOr<UniqueFd> OpenForRead(const std::string& path) override {
    // O_NONBLOCK changes nothing for regular files; without it, opening a pipe would wait for a writer.
    return Open("open", path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  }

  absl::StatusOr<UniqueFd> CreateExclusive(const std::string& path) override {
    return Open("create", path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC);
  }

  absl::StatusOr<UniqueFd> OpenForAppend(const std::string& path) override {
    return Open("open", path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  }

  absl::StatusOr<size_t> Read(int fd, void* buffer, size_t size) override {
    const ssize_t result = RetryOnSignal([=] { return ::read(fd, buffer, size); });
    if (result < 0) return DescriptorError("read", fd);
    return static_cast<size_t>(result);
  }

  absl::Status Write(int fd, std::string_view data) override {
    while (!data.empty()) {
      const ssize_t result = RetryOnSignal([=] { return ::write(fd, data.data(), data.size()); });
      if (result < 0) return DescriptorError("write", fd);
      data.remove_prefix(static_cast<size_t>(result));
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(int fd, int64_t size) override {
    if (RetryOnSignal([=] { return ::ftruncate(fd, size); }) != 0) return DescriptorError("shorten", fd);
    return absl::OkStatus();
  }

  absl::Status Clone(int source, int destination) override {
    if (::ioctl(destination, FICLONE, source) == 0) return absl::OkStatus();
    switch (errno) {
      case EOPNOTSUPP:
      case ENOTTY:
      case ENOSYS:
      case EINVAL:
      case EXDEV:
        return absl::UnimplementedError(
            absl::StrCat("the file system of ", Quote(PathOfDescriptor(destination)),
                         " cannot share blocks with ", Quote(PathOfDescriptor(source))));
      default:
        return DescriptorError("clone into", destination);
    }
  }

  absl::Status Fsync(int fd) override {
    if (RetryOnSignal([=] { return ::fsync(fd); }) != 0) return DescriptorError("sync", fd);
    return absl::OkStatus();
  }

  absl::Status FsyncDirectory(const std::string& directory) override {
    MODELD_ASSIGN_OR_RETURN(const UniqueFd fd, Open("open", directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // EINVAL: file systems that cannot sync a directory (some in user space) order its changes themselves.
    if (RetryOnSignal([&fd] { return ::fsync(fd.get()); }) != 0 && errno != EINVAL) {
      return PathError("sync", directory);
    }
    return absl::OkStatus();
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return PathError(absl::StrCat("rename ", Quote(from), " to"), to);
    }
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return PathError("remove", path);
    return absl::OkStatus();
  }

  absl::Status SetMode(int fd, unsigned mode) override {
    if (::fchmod(fd, mode) != 0) return DescriptorError("change the mode of", fd);
    return absl::OkStatus();
  }

  absl::Status MakeDirectories(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
    if (errno == ENOENT) {
      const size_t slash = path.find_last_not_of('/');
      const size_t parent_end = path.rfind('/', slash);
      if (slash == std::string::npos || parent_end == std::string::npos || parent_end == 0) {
        return PathError("make the directory", path);
      }
      MODELD_RETURN_IF_ERROR(MakeDirectories(path.substr(0, parent_end)));
      if (::mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
    }
    if (errno != EEXIST) return PathError("make the directory", path);
    MODELD_ASSIGN_OR_RETURN(const FileStat existing, Stat(path));
    if (existing.type == FileType::kDirectory) return absl::OkStatus();
    return absl::AlreadyExistsError(
        absl::StrCat("cannot make the directory ", Quote(path), ": a file of that name is there"));
  }

 private:
  static absl::StatusOr<UniqueFd> Open(const std::string& verb, const std::string& path, int flags) {
    UniqueFd fd(RetryOnSignal([&] { return ::open(path.c_str(), flags, 0600); }));
    if (!fd.valid()) return PathError(verb, path);
    return fd;
  }
};

}  // namespace

FileSystem* FileSystem::Real() {
  static RealFileSystem file_system;
  return &file_system;
}

absl::StatusOr<std::string> ReadFile(FileSystem& file_system, const std::string& path, size_t max_bytes) {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd fd, file_system.OpenForRead(path));
  std::string content;
  char buffer[16 << 10];
  while (true) {
    MODELD_ASSIGN_OR_RETURN(const size_t size, file_system.Read(fd.get(), buffer, sizeof(buffer)));
    if (size == 0) return content;
    if (size > max_bytes - content.size()) {
      return absl::ResourceExhaustedError(
          absl::StrCat(Quote(path), " holds more than the ", max_bytes, " bytes allowed"));
    }
    content.append(buffer, size);
  }
}

}  // namespace modeld
