// FileSystem: every call that the project makes on files which may fail in interesting ways.
//
// Thin on purpose: each method is one or two system calls, so that a test's FileSystem can make any single
// step of staging or scanning fail (full disk, I/O error, a file that vanishes).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// What tells one state of a file from another. Compared for equality only, never for "newer": a restored
// older file is a change too.
struct FileIdentity {
  int64_t size = 0;      // bytes
  int64_t mtime_ns = 0;  // since the epoch
  int64_t ctime_ns = 0;  // since the epoch; cannot be set by copying tools, so it catches restored mtimes
  uint64_t inode = 0;
  uint64_t device = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

enum class FileType { kRegular, kDirectory, kSymlink, kOther };

struct FileStat {
  FileType type = FileType::kOther;
  FileIdentity identity;
};

// Thread-safe. Errors name the path and carry the code of the errno: NOT_FOUND (ENOENT, ENOTDIR),
// PERMISSION_DENIED (EACCES, EPERM, EROFS), RESOURCE_EXHAUSTED (ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM),
// ALREADY_EXISTS (EEXIST), UNAVAILABLE (EIO, ESTALE and the like), INTERNAL (the rest); see ErrnoStatus.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The kernel's; lives as long as the process.
  static FileSystem* Real();

  // Follows symbolic links.
  virtual absl::StatusOr<FileStat> Stat(const std::string& path) = 0;
  // Does not follow symbolic links.
  virtual absl::StatusOr<FileStat> LinkStat(const std::string& path) = 0;
  virtual absl::StatusOr<FileStat> StatDescriptor(int fd) = 0;
  // Names in a directory without `.` and `..`, sorted bytewise.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // Absolute path without links, `.` or `..`.
  virtual absl::StatusOr<std::string> RealPath(const std::string& path) = 0;

  // Never waits, not even for the other end of a pipe.
  virtual absl::StatusOr<UniqueFd> OpenForRead(const std::string& path) = 0;
  // Creates the file with mode 0600, open for reading and writing; fails with ALREADY_EXISTS where it exists.
  virtual absl::StatusOr<UniqueFd> CreateExclusive(const std::string& path) = 0;
  // Opens a file for writing at its end; creates it with mode 0600 where there is none.
  virtual absl::StatusOr<UniqueFd> OpenForAppend(const std::string& path) = 0;
  // Up to `size` bytes; 0 at the end of the file.
  virtual absl::StatusOr<size_t> Read(int fd, void* buffer, size_t size) = 0;
  // All of `data`, or an error.
  virtual absl::Status Write(int fd, std::string_view data) = 0;
  // Cuts the file off after `size` bytes.
  virtual absl::Status Truncate(int fd, int64_t size) = 0;
  // Makes `destination`'s content share `source`'s blocks (FICLONE). UNIMPLEMENTED where the file system
  // cannot.
  virtual absl::Status Clone(int source, int destination) = 0;
  virtual absl::Status Fsync(int fd) = 0;
  virtual absl::Status FsyncDirectory(const std::string& directory) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status SetMode(int fd, unsigned mode) = 0;
  // With its parents, mode 0700 for those it makes. No error where it exists.
  virtual absl::Status MakeDirectories(const std::string& path) = 0;
};

// At most `max_bytes` of a file; RESOURCE_EXHAUSTED if it holds more.
absl::StatusOr<std::string> ReadFile(FileSystem& file_system, const std::string& path, size_t max_bytes);

}  // namespace modeld
