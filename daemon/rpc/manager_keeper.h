// ManagerKeeper: the Manager, for those who care for the store.
#pragma once

#include <string>

#include "daemon/lifecycle/manager.h"
#include "registry/version_keeper.h"

namespace modeld {

// Thread-safe.
class ManagerKeeper final : public VersionKeeper {
 public:
  // `manager` outlives it.
  explicit ManagerKeeper(Manager* manager) : manager_(manager) {}

  bool InMemory(const std::string& model, const std::string& version) override {
    return manager_->InMemory(model, version);
  }
  absl::Status Collect(const std::string& model, const std::string& version, const std::string& actor,
                       const std::string& reason) override {
    return manager_->Collect({.model = model, .version = version, .actor = actor, .reason = reason});
  }
  absl::Status Quarantine(const std::string& model, const std::string& version, const std::string& actor,
                          const std::string& reason) override {
    return manager_->Quarantine({.model = model, .version = version, .actor = actor, .reason = reason});
  }

 private:
  Manager* const manager_;
};

}  // namespace modeld
