#include "registry/artifact_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/onnx_reader.h"
#include "registry/pt2_reader.h"

namespace modeld {
namespace {

std::string NotAllowed(ArtifactFormat format) {
  return absl::StrCat("the format ", std::string(FormatName(format)), " is not allowed");
}

}  // namespace

bool CarriesExtraFiles(ArtifactFormat format) { return format != ArtifactFormat::kOnnx; }

absl::Status CheckAllowed(ArtifactFormat format, const FormatSet& formats) {
  if (formats.contains(format)) return absl::OkStatus();
  FormatSet wanted = formats;
  wanted.insert(format);
  return absl::FailedPreconditionError(
      absl::StrCat(NotAllowed(format),
                   format == ArtifactFormat::kPt2
                       ? ": such a package holds machine code, which runs as the daemon when it is loaded"
                       : "",
                   "; to allow it, start modeld with --formats ", absl::StrJoin(NamesOf(wanted), ",")));
}

bool WasAboutFormat(std::string_view reason, const FormatSet& formats) {
  return std::any_of(formats.begin(), formats.end(), [&](ArtifactFormat format) {
    return reason.find(NotAllowed(format)) != std::string_view::npos;
  });
}

absl::StatusOr<ArchiveContents> ReadArtifact(FileSystem& file_system, const std::string& path,
                                             ArtifactFormat format, const ArchiveLimits& limits) {
  switch (format) {
    case ArtifactFormat::kOnnx:
      return ReadOnnx(file_system, path, limits);
    case ArtifactFormat::kPt2:
      return ReadPt2(file_system, path, limits);
    case ArtifactFormat::kTorchScript:
      break;
  }
  return ReadArchive(file_system, path, limits);
}

}  // namespace modeld
