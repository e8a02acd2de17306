// What an artifact of any format says of itself: the way to the format's own reader.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registry/archive_reader.h"
#include "registry/base/artifact_format.h"
#include "registry/base/file_system.h"

namespace modeld {

// Whether files of this format can hold extra files, as golden samples are. Those of others lie beside them,
// wherever the config is.
bool CarriesExtraFiles(ArtifactFormat format);

// FAILED_PRECONDITION, with the remedy, unless `formats` hold the format.
absl::Status CheckAllowed(ArtifactFormat format, const FormatSet& formats);
// Whether a reason that was kept is CheckAllowed's, of a format that is among `formats` now.
bool WasAboutFormat(std::string_view reason, const FormatSet& formats);

// Errors: those of ReadArchive, ReadPt2 and ReadOnnx. An artifact in the store has no extension, so that its
// format must be known.
absl::StatusOr<ArchiveContents> ReadArtifact(FileSystem& file_system, const std::string& path,
                                             ArtifactFormat format, const ArchiveLimits& limits = {});

}  // namespace modeld
