// What an artifact of any format says of itself: the way to the format's own reader.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"

namespace modeld {

// Whether files of this format can hold extra files, as golden samples are. Those of others lie beside them,
// wherever the config is.
bool CarriesExtraFiles(ArtifactFormat format);

// UNIMPLEMENTED, with the remedy, for a format that this build does not take.
absl::Status CheckSupported(ArtifactFormat format);

// Errors: those of CheckSupported, ReadArchive and ReadOnnx. An artifact in the store has no extension, so
// that its format must be known.
absl::StatusOr<ArchiveContents> ReadArtifact(FileSystem& file_system, const std::string& path,
                                             ArtifactFormat format, const ArchiveLimits& limits = {});

}  // namespace modeld
