#include "registry/artifact_reader.h"

#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"
#include "registry/onnx_reader.h"

namespace modeld {

bool CarriesExtraFiles(ArtifactFormat format) { return format != ArtifactFormat::kOnnx; }

absl::Status CheckSupported(ArtifactFormat format) {
  if (format != ArtifactFormat::kPt2) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("the format ", std::string(FormatName(format)),
                   " is not supported by this build; save the model as TorchScript: "
                   "torch.jit.save(torch.jit.script(module), \"model.pt\")"));
}

absl::StatusOr<ArchiveContents> ReadArtifact(FileSystem& file_system, const std::string& path,
                                             ArtifactFormat format, const ArchiveLimits& limits) {
  MODELD_RETURN_IF_ERROR(CheckSupported(format));
  if (format == ArtifactFormat::kOnnx) return ReadOnnx(file_system, path, limits);
  return ReadArchive(file_system, path, limits);
}

}  // namespace modeld
