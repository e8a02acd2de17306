// StampArchive: writes name and version into a model file, without LibTorch: into a TorchScript archive or an
// AOTInductor package as its `extra/config.json`, whose other entries are not moved or changed, so that it
// loads and maps as before;
// into an ONNX file as the metadata property `modeld.config`, in place of the one that was there, at its end.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "registry/base/file_system.h"
#include "registry/stamp_config.h"

namespace modeld {

// Of the file at `path`, of the format that its extension says, else TorchScript; through links; into
// `output`, or, where that is empty, in place. What is written is complete and read back before it takes its
// place in one step; mode and owner stay. On failure neither file is changed.
//
// Errors: those of ReadArtifact, StampConfig and FileSystem; ALREADY_EXISTS: `output` is there, and not
// `stamp.force`; ABORTED: the file changed meanwhile.
absl::StatusOr<StampedConfig> StampArchive(FileSystem& file_system, const std::string& path,
                                           const std::string& output, const Stamp& stamp);

}  // namespace modeld
