// PushTaker: takes an uploaded file in, exactly as if it had been dropped.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/source/file_taker.h"
#include "registry/artifact_store.h"
#include "registry/base/clock.h"
#include "registry/base/file_system.h"
#include "registry/registry.h"
#include "registry/upload_store.h"

namespace modeld {

struct PushedFile {
  std::string path;            // where it would lie; see CheckUploadPath
  std::string sidecar_config;  // empty: none
  std::string actor;           // who pushed it, for the history
};

struct PushedVersion {
  std::string model;
  std::string version;
  bool already_registered = false;
};

// Thread-safe.
class PushTaker {
 public:
  // All pointers outlive the PushTaker.
  PushTaker(FileSystem* file_system, const Clock* clock, Registry* registry, const ArtifactStore* store,
            VersionSink* sink, InspectOptions inspect)
      : file_system_(file_system),
        clock_(clock),
        registry_(registry),
        store_(store),
        sink_(sink),
        inspect_(std::move(inspect)) {}

  // Identifies, stages and registers `upload`, which is finished. What is taken is recorded as `pushed`.
  // Errors with which a dropped file would be quarantined (INVALID_ARGUMENT, UNIMPLEMENTED, ALREADY_EXISTS,
  // FAILED_PRECONDITION) are recorded as `quarantined`. The part is removed then too, unless it came with a
  // sidecar, which may be what is to be mended. After any other error the part stays: push it again.
  absl::StatusOr<PushedVersion> Take(Upload& upload, const PushedFile& file) const;

 private:
  absl::StatusOr<ScannedFile> Scan(Upload& upload, const PushedFile& file) const;
  void Record(const char* action, const PushedFile& file, const ModelIdentity& identity,
              const std::string& reason) const;

  FileSystem* const file_system_;
  const Clock* const clock_;
  Registry* const registry_;
  const ArtifactStore* const store_;
  VersionSink* const sink_;
  const InspectOptions inspect_;
};

}  // namespace modeld
