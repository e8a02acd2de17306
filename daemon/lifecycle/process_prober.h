// ProcessProber: tries registered versions in a process of their own.
#pragma once

#include "daemon/lifecycle/prober.h"
#include "daemon/probe/probe_limits.h"
#include "daemon/probe/probe_process.h"
#include "registry/artifact_store.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe as VersionProber says. What of the confinement this system refuses is logged, once.
class ProcessProber final : public VersionProber {
 public:
  // `store` and `registry` outlive it. `process` says which program runs the probe; for tests.
  // `try_plans`: for a faster way to run each version than as it was saved.
  ProcessProber(const ArtifactStore* store, Registry* registry, const ProbeLimits& limits, bool try_plans,
                std::unique_ptr<ProbeProcess> process = std::make_unique<ProbeProcess>());

  absl::StatusOr<v1::ProbeReport> Probe(const VersionRecord& record) override;
  void Cancel() override;

 private:
  const ArtifactStore* const store_;
  Registry* const registry_;
  const ProbeLimits limits_;
  const bool try_plans_;
  const std::unique_ptr<ProbeProcess> process_;
  bool said_unconfined_ = false;  // of the probing thread
};

}  // namespace modeld
