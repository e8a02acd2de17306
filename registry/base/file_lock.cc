#include "registry/base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "registry/base/errno_status.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

// ` (process 123)`, or the empty string where the file does not tell.
std::string HolderOf(int fd) {
  char buffer[32];
  const ssize_t size = ::pread(fd, buffer, sizeof(buffer), 0);
  int64_t pid = 0;
  if (size <= 0 || !absl::SimpleAtoi(std::string(buffer, static_cast<size_t>(size)), &pid)) return "";
  return absl::StrCat(" (process ", pid, ")");
}

// For people and for the message above only, so a full disk is no reason to fail: then the file stays empty.
void WriteOwnProcessId(int fd) {
  const std::string text = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(fd, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("cannot open the lock file ", Quote(path)));
  int result;
  do {
    result = ::flock(fd.get(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quote(path), " is locked by another process", HolderOf(fd.get())));
  }
  if (result != 0) return ErrnoStatus(errno, absl::StrCat("cannot lock ", Quote(path)));
  WriteOwnProcessId(fd.get());
  return FileLock(std::move(fd));
}

}  // namespace modeld
