#include "daemon/server/service_manager.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace modeld {

ServiceManager::ServiceManager() : ping_interval_(absl::InfiniteDuration()) {
  uint64_t watchdog_us = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/0, &watchdog_us) > 0) {
    ping_interval_ = absl::Microseconds(watchdog_us) / 2;
  }
}

void ServiceManager::Starting() {
  // From now on, and only where TimeoutStartSec would end earlier.
  ::sd_notify(0, "EXTEND_TIMEOUT_USEC=60000000");
}

void ServiceManager::Ready() { ::sd_notify(0, "READY=1"); }

void ServiceManager::Reloading() {
  // Type=notify-reload wants the time too.
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const absl::Duration since_boot = absl::DurationFromTimespec(now);
  ::sd_notify(0, absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", absl::ToInt64Microseconds(since_boot)).c_str());
}

void ServiceManager::Stopping() { ::sd_notify(0, "STOPPING=1"); }

void ServiceManager::Status(const std::string& text) {
  ::sd_notify(0, absl::StrCat("STATUS=", text).c_str());
}

void ServiceManager::Ping() { ::sd_notify(0, "WATCHDOG=1"); }

}  // namespace modeld
