// Records with plausible values, for tests of the registry.
#pragma once

#include <string>

#include "registry/records.h"

namespace modeld {

inline absl::Time TestTime() { return absl::FromUnixNanos(1'700'000'000'123'456'789); }

inline VersionRecord TestVersion(const std::string& model, const std::string& version) {
  VersionRecord record;
  record.model = model;
  record.version = version;
  record.sha256 = std::string(64, 'a');
  record.size_bytes = 4096;
  record.registered_at = TestTime();
  return record;
}

inline EventRecord TestEvent(const std::string& action, const std::string& model = "digits") {
  EventRecord event;
  event.time = TestTime();
  event.actor = "daemon";
  event.action = action;
  event.model = model;
  return event;
}

}  // namespace modeld
