// Watcher: wakes when something happens below the drop directory. Thin over inotify.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// Wait and Watch by one thread; Wake by any.
class Watcher {
 public:
  // RESOURCE_EXHAUSTED where the system's limit of inotify instances is reached, with the remedy.
  static absl::StatusOr<std::unique_ptr<Watcher>> Create();
  ~Watcher();

  // Watches these directories (absolute, links followed) and no others. Call it again after every scan: a
  // directory that was removed and made again is watched anew. A directory that was not watched before ends
  // the next Wait, since what happened in it between the scan and now was not seen.
  //
  // Errors are those of single directories, joined; the others are watched. RESOURCE_EXHAUSTED: the limit of
  // inotify watches is reached, with the remedy. A directory that vanished is no error: its parent tells.
  absl::Status Watch(const std::vector<std::string>& directories);

  // Waits for an event, a Wake or the timeout; drains what has come. True: something happened. More than one
  // event, or more than the kernel's queue could hold, is still only something.
  bool Wait(absl::Duration timeout);
  // Ends a Wait, now or the next one.
  void Wake();

 private:
  Watcher(UniqueFd inotify, UniqueFd wake) : inotify_(std::move(inotify)), wake_(std::move(wake)) {}
  const UniqueFd inotify_;
  const UniqueFd wake_;
  std::map<std::string, int> watches_;  // directory to inotify's watch descriptor
};

}  // namespace modeld
