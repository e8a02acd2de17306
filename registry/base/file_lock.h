// FileLock: one process at a time, by an advisory lock on a file.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// Held while the object lives; the kernel releases it when the process dies, however it dies.
class FileLock {
 public:
  // Locks `path` (created with mode 0600 where missing) without waiting and writes this process's id into it.
  // FAILED_PRECONDITION if another process holds it; the message names that process's id.
  static absl::StatusOr<FileLock> Acquire(const std::string& path);

  FileLock(FileLock&&) = default;
  FileLock& operator=(FileLock&&) = default;

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace modeld
