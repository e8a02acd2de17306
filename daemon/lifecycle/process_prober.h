// ProcessProber: tries registered versions in a process of their own.
#pragma once

#include <functional>
#include <memory>

#include "daemon/lifecycle/instance_options.h"
#include "daemon/lifecycle/known_plans.h"
#include "daemon/lifecycle/prober.h"
#include "daemon/probe/probe_limits.h"
#include "daemon/probe/probe_process.h"
#include "registry/artifact_store.h"
#include "registry/base/artifact_format.h"
#include "registry/base/background.h"
#include "registry/registry.h"
#include "registry/unpacker.h"

namespace modeld {

// When a probe looks for a faster way to run the version than as it was saved.
struct PlanSearch {
  const KnownPlans* known_plans = nullptr;  // null: never
  // Always, and all of them. Otherwise the plan that is known to be best for another version of the same
  // graph is tried; and all of them where a version of the model runs otherwise than it was saved. The others
  // are left to PlanTuner.
  bool always = false;
};

struct ProcessProberOptions {
  ProbeLimits limits;
  PlanSearch search = {};
  FormatSet formats = DefaultFormats();  // others are not tried: FAILED_PRECONDITION
  const Unpacker* unpacker = nullptr;    // null: no format needs one
  SchedulingDefaults scheduling = {};
  // Called before a version is tried on a device, whose memory the probe shares with this process.
  std::function<void()> release_device_memory = [] {};
};

// Thread-safe as VersionProber says. What of the confinement this system refuses is logged, once.
class ProcessProber final : public VersionProber {
 public:
  // All pointers outlive it. `process` says which program runs the probe; for tests.
  ProcessProber(const ArtifactStore* store, Registry* registry, const ProcessProberOptions& options,
                std::unique_ptr<ProbeProcess> process = std::make_unique<ProbeProcess>());

  absl::StatusOr<v1::ProbeReport> Probe(const VersionRecord& record) override;
  void Cancel() override;

 private:
  const ArtifactStore* const store_;
  Registry* const registry_;
  const ProcessProberOptions options_;
  BackgroundThread background_;
  const std::unique_ptr<ProbeProcess> process_;
  bool said_unconfined_ = false;  // of the probing thread
};

}  // namespace modeld
