// ServiceManager: what systemd wants to know of a Type=notify service, see sd_notify(3). Without systemd
// every call does nothing.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace modeld {

// Thread-safe.
class ServiceManager {
 public:
  ServiceManager();

  // Not ready yet, but it goes on; as often as wanted.
  void Starting();
  void Ready();
  void Reloading();
  void Stopping();
  // One line for `systemctl status`.
  void Status(const std::string& text);
  // The process is well.
  void Ping();

  // How often Ping must be called: half of WatchdogSec; InfiniteDuration where there is no watchdog.
  absl::Duration ping_interval() const { return ping_interval_; }

 private:
  absl::Duration ping_interval_;
};

}  // namespace modeld
