// VersionKeeper: who changes what is thought of a version, for those who care for the store: in the daemon
// the Manager, whose memory must agree with the registry; while it is down, the registry itself.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "registry/base/clock.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe.
class VersionKeeper {
 public:
  virtual ~VersionKeeper() = default;

  // The version is in memory, or on its way in or out.
  virtual bool InMemory(const std::string& model, const std::string& version) = 0;
  // As Registry::CollectVersion. FAILED_PRECONDITION also for a version in memory.
  virtual absl::Status Collect(const std::string& model, const std::string& version, const std::string& actor,
                               const std::string& reason) = 0;
  // Quarantines a good version; OK, with nothing recorded, for others. FAILED_PRECONDITION: it is live.
  virtual absl::Status Quarantine(const std::string& model, const std::string& version,
                                  const std::string& actor, const std::string& reason) = 0;
};

// While no daemon runs.
class RegistryKeeper final : public VersionKeeper {
 public:
  // Both outlive it.
  RegistryKeeper(Registry* registry, const Clock* clock) : registry_(registry), clock_(clock) {}

  bool InMemory(const std::string& model, const std::string& version) override;
  absl::Status Collect(const std::string& model, const std::string& version, const std::string& actor,
                       const std::string& reason) override;
  absl::Status Quarantine(const std::string& model, const std::string& version, const std::string& actor,
                          const std::string& reason) override;

 private:
  Registry* const registry_;
  const Clock* const clock_;
};

}  // namespace modeld
