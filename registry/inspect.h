// Reads a whole model file's identity: archive, config or sidecar, name and version. The one way in which the
// daemon and `modelctl inspect` look at a file, so that they cannot disagree.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"
#include "registry/identify.h"
#include "registry/model_config.h"

namespace modeld {

struct InspectedFile {
  ArchiveContents archive;
  ParsedConfig parsed;  // warnings include those about the sidecar
  bool config_from_sidecar = false;
  ModelIdentity identity;
};

// `path` is opened; `relative_path` is where it lies (or would lie) below the drop directory and gives the
// defaults of name and version. `sidecar_path` is read if the archive carries no config. Errors: those of
// ReadArchive, ParseModelConfig and IdentifyModel; UNIMPLEMENTED for a format of which this build has no
// engine.
absl::StatusOr<InspectedFile> InspectFile(FileSystem& file_system, const std::string& path,
                                          const std::string& relative_path, const std::string& sidecar_path,
                                          const ConfigOptions& options = {});

}  // namespace modeld
