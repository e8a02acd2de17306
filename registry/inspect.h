// Reads a whole model file's identity: archive, config or sidecar, name and version. The one way in which the
// daemon and `modelctl inspect` look at a file, so that they cannot disagree.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/archive_reader.h"
#include "registry/base/artifact_format.h"
#include "registry/base/file_system.h"
#include "registry/golden.h"
#include "registry/identify.h"
#include "registry/model_config.h"

namespace modeld {

// A golden sample that a file has.
struct InspectedGolden {
  std::string name;  // "golden/0"
  int64_t size_bytes = 0;
  std::string path;  // of the file beside it that holds the sample; empty: the archive does
};

struct InspectedFile {
  ArchiveContents archive;
  ParsedConfig parsed;  // warnings include those about the sidecar
  bool config_from_sidecar = false;
  bool golden_files_ignored = false;  // those beside it: see InspectFile
  ModelIdentity identity;
  std::vector<InspectedGolden> golden;  // in their order
};

struct InspectOptions {
  ConfigOptions config = {};
  FormatSet formats = DefaultFormats();  // that are allowed
};

// `path` is opened; `relative_path` is where it lies (or would lie) below the drop directory and gives the
// defaults of name and version. `sidecar_path` is read if the file carries no config, and then
// `golden_files` are the version's golden samples too; so they are in any case where the format cannot carry
// them (CarriesExtraFiles). Every sample is read and checked (CheckGoldenSample).
// Errors: those of CheckAllowed, ReadArtifact, ParseModelConfig, IdentifyModel and GoldenNames;
// INVALID_ARGUMENT for a golden sample that is none or too large, and for labels that are not there or are
// none.
absl::StatusOr<InspectedFile> InspectFile(FileSystem& file_system, const std::string& path,
                                          const std::string& relative_path, const std::string& sidecar_path,
                                          const InspectOptions& options = {},
                                          const std::vector<GoldenFile>& golden_files = {});

}  // namespace modeld
