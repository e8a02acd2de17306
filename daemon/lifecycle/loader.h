// VersionLoader: from a registered version to one in memory, warm. What the Manager's loading thread calls;
// an interface so that lifecycle tests need no engine.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/lifecycle/served_version.h"
#include "registry/records.h"

namespace modeld {

struct LoadedVersion {
  std::unique_ptr<ServedVersion> version;
  std::vector<std::string> warnings;  // "warm-up failed: …"; it serves all the same
};

// Thread-safe.
class VersionLoader {
 public:
  virtual ~VersionLoader() = default;
  // Off the request path; takes as long as it takes. INVALID_ARGUMENT: the version is at fault (the engine
  // refuses it, its config contradicts its signature) and is to be quarantined. Any other code (NOT_FOUND:
  // the artifact is missing; RESOURCE_EXHAUSTED; FAILED_PRECONDITION; …): the machine is at fault, and the
  // version stays good.
  //
  // `awaited`: somebody waits for it, or nothing is served yet. Otherwise it is held back: it takes what
  // serving leaves of the CPU.
  virtual absl::StatusOr<LoadedVersion> Load(const VersionRecord& record, bool awaited) = 0;
  // Somebody waits for the load in progress after all, or for one that comes after it: it is held back no
  // more, where the machine allows that. Does not block.
  virtual void Hurry() = 0;
  // Runs a version's golden samples again, in place, while it serves. OK also where it has none.
  // INVALID_ARGUMENT: one came out otherwise; any other code: the machine kept it from being known.
  virtual absl::Status CheckAgain(const VersionRecord& record, const ServedVersion& version) = 0;
  // See Engine::health. While it is not OK, failures say nothing of the versions that fail.
  virtual absl::Status health() const { return absl::OkStatus(); }
};

}  // namespace modeld
