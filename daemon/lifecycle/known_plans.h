// KnownPlans: what the registry knows of how to run versions on this machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"
#include "daemon/probe/machine.h"
#include "modeld/v1/model_config.pb.h"
#include "modeld/v1/probe.pb.h"
#include "registry/artifact_store.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe.
class KnownPlans {
 public:
  // `store` and `registry` outlive it; `engine` is asked for its libraries here only. `machine`: for tests.
  KnownPlans(const ArtifactStore* store, Registry* registry, const Engine& engine,
             Machine machine = ThisMachine());

  // Whether plans were looked for when the report was made, on this machine and with these libraries:
  // whatever came of it holds.
  bool Holds(const v1::ProbeReport& report) const;

  // What the version has in common with others that differ in their weights only, and that are configured to
  // be run alike; empty: nothing is known to be.
  std::string GraphOf(const VersionRecord& record, const v1::ModelConfig& config) const;

  // The newest report of another version of the same model and graph that holds and has plans, with
  // `plans_of` filled in.
  std::optional<v1::ProbeReport> OfSameGraph(const VersionRecord& record, const std::string& graph) const;

  // Whether a version of the model that was probed lately runs otherwise than it was saved. The next one is
  // then better tried before it goes live: it would be measured against that one.
  bool RunsOtherwise(const std::string& model) const;

 private:
  // Of the versions of the model that were probed last, newest first. Where the registry cannot be read:
  // none.
  std::vector<std::pair<std::string, v1::ProbeReport>> Recent(const std::string& model) const;

  const ArtifactStore* const store_;
  Registry* const registry_;
  const std::string libraries_;
  const Machine machine_;
};

}  // namespace modeld
