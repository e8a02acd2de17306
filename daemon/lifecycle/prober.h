// VersionProber: tries a version where it can do no harm. An interface, so that lifecycle tests need no
// process.
#pragma once

#include "absl/status/statusor.h"
#include "modeld/v1/probe.pb.h"
#include "registry/records.h"

namespace modeld {

// Thread-safe: Probe is called by one thread at a time, Cancel by any.
class VersionProber {
 public:
  virtual ~VersionProber() = default;
  // Takes as long as it takes, but never for ever. A report says what became of the version: an outcome other
  // than PASSED is its fault. An error is the machine's (no process, the artifact is missing): the version
  // stays good, and is tried again.
  virtual absl::StatusOr<v1::ProbeReport> Probe(const VersionRecord& record) = 0;
  // Ends a Probe that runs, and every later one, soon: with CANCELLED. For good.
  virtual void Cancel() = 0;
};

}  // namespace modeld
