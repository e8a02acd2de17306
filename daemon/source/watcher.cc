#include "daemon/source/watcher.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/errno_status.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

// Not IN_MODIFY: a file that is being written is of interest when it is closed, and the settle time asks.
constexpr uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |
                           IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// Reads all that waits in a descriptor that does not block. What the events say does not matter: the scan
// that follows looks at everything, which also makes a queue that overflowed harmless.
void Drain(int fd) {
  char buffer[16 << 10];
  while (::read(fd, buffer, sizeof(buffer)) > 0) {
  }
}

std::set<int> Descriptors(const std::map<std::string, int>& watches) {
  std::set<int> descriptors;
  for (const auto& [directory, watch] : watches) descriptors.insert(watch);
  return descriptors;
}

// The first error's code, all errors' messages.
absl::Status Joined(const std::vector<absl::Status>& errors) {
  if (errors.empty()) return absl::OkStatus();
  return absl::Status(errors.front().code(),
                      absl::StrJoin(errors, "; ", [](std::string* out, const absl::Status& error) {
                        absl::StrAppend(out, error.message());
                      }));
}

absl::Status WatchLimit(size_t unwatched) {
  return absl::ResourceExhaustedError(absl::StrCat("the limit of inotify watches is reached and ", unwatched,
                                                   " directories are not watched: raise the sysctl "
                                                   "fs.inotify.max_user_watches; until then what is dropped "
                                                   "there is found by the periodic rescan alone"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Watcher>> Watcher::Create() {
  UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify.valid()) {
    if (errno == EMFILE) {
      return absl::ResourceExhaustedError(
          "cannot watch the drop directory: the limit of inotify instances or of open files is reached; "
          "raise the sysctl fs.inotify.max_user_instances or the limit of open files");
    }
    return ErrnoStatus(errno, "cannot watch the drop directory: inotify_init1");
  }
  UniqueFd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoStatus(errno, "cannot watch the drop directory: eventfd");
  return std::unique_ptr<Watcher>(new Watcher(std::move(inotify), std::move(wake)));
}

Watcher::~Watcher() = default;

absl::Status Watcher::Watch(const std::vector<std::string>& directories) {
  std::map<std::string, int> watches;
  std::vector<absl::Status> errors;
  size_t beyond_limit = 0;
  for (const std::string& directory : directories) {
    // For what is watched already this gives its descriptor again, and a new one where another directory has
    // taken the name.
    const int watch = ::inotify_add_watch(inotify_.get(), directory.c_str(), kMask);
    if (watch >= 0) {
      watches[directory] = watch;
    } else if (errno == ENOSPC) {
      ++beyond_limit;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      errors.push_back(ErrnoStatus(errno, absl::StrCat("cannot watch ", Quote(directory))));
    }
  }
  if (beyond_limit > 0) errors.push_back(WatchLimit(beyond_limit));

  const std::set<int> before = Descriptors(watches_);
  const std::set<int> after = Descriptors(watches);
  for (const int watch : before) {
    // Fails for a directory that was removed: the kernel has ended that watch itself.
    if (!after.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  }
  watches_ = std::move(watches);
  if (!std::includes(before.begin(), before.end(), after.begin(), after.end())) Wake();
  return Joined(errors);
}

bool Watcher::Wait(absl::Duration timeout) {
  pollfd polled[] = {{.fd = inotify_.get(), .events = POLLIN, .revents = 0},
                     {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  const bool forever = timeout == absl::InfiniteDuration();
  const timespec limit = absl::ToTimespec(std::max(timeout, absl::ZeroDuration()));
  // Where a signal ends the call nothing is ready: the caller's loop goes on.
  const bool ready = ::ppoll(polled, std::size(polled), forever ? nullptr : &limit, nullptr) > 0;
  if (ready) {
    Drain(inotify_.get());
    Drain(wake_.get());
  }
  return ready;
}

void Watcher::Wake() {
  const uint64_t one = 1;
  // Fails only where the counter is full, and then the Wait ends as well.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
}

}  // namespace modeld
