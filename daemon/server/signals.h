// Signals: the signals that the daemon obeys, as something to wait for.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// Wait belongs to one thread; Wake is safe from any.
class Signals {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP in the calling thread, and so in all that it will start, and ignores
  // SIGPIPE. REQUIRES: no other thread was started before.
  static absl::StatusOr<std::unique_ptr<Signals>> Block();

  // The next signal; 0 after a Wake or when the timeout passed.
  int Wait(absl::Duration timeout);
  // Ends a Wait, now or the next one.
  void Wake();

 private:
  Signals(UniqueFd signals, UniqueFd wake) : signals_(std::move(signals)), wake_(std::move(wake)) {}
  const UniqueFd signals_;  // signalfd
  const UniqueFd wake_;     // eventfd
};

}  // namespace modeld
