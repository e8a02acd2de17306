// Watcher: wakes when something happens below the drop directory. Thin over inotify.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// Wait and Watch by one thread; Wake by any.
class Watcher {
 public:
  static absl::StatusOr<std::unique_ptr<Watcher>> Create();
  ~Watcher();

  // Watches these directories (absolute) and no others. Errors are those of single directories, joined; the
  // others are watched. A directory that was removed and made again is watched anew.
  absl::Status Watch(const std::vector<std::string>& directories);

  // Waits for an event, a Wake or the timeout; drains what has come. True: something happened.
  bool Wait(absl::Duration timeout);
  // Ends a Wait, now or the next one.
  void Wake();

 private:
  Watcher(UniqueFd inotify, UniqueFd wake) : inotify_(std::move(inotify)), wake_(std::move(wake)) {}
  const UniqueFd inotify_;
  const UniqueFd wake_;
  std::map<std::string, int> watches_;
};

}  // namespace modeld
