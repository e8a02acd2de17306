#include "registry/inspect.h"

#include <limits.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

absl::Status CheckFormat(const std::string& relative_path) {
  const std::optional<ArtifactFormat> format = FormatFromExtension(relative_path);
  if (!format) {
    return absl::InvalidArgumentError(absl::StrCat(
        Quote(relative_path), " is no model file: expected .pt, .pth, .jit or .ts (TorchScript)"));
  }
  if (*format == ArtifactFormat::kTorchScript) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("the format ", std::string(FormatName(*format)),
                   " is not supported by this build; save the model as TorchScript: "
                   "torch.jit.save(torch.jit.script(module), \"model.pt\")"));
}

// None where there is no sidecar.
absl::StatusOr<std::optional<std::string>> ReadSidecar(FileSystem& file_system, const std::string& path) {
  constexpr size_t kMaxBytes = ArchiveLimits().max_config_bytes;
  // Beside a file whose own name is nearly as long as names may be, there can be none.
  if (path.size() - (path.rfind('/') + 1) > NAME_MAX) return std::nullopt;
  const absl::StatusOr<FileStat> stat = file_system.Stat(path);
  if (absl::IsNotFound(stat.status())) return std::nullopt;
  if (!stat.ok()) return stat.status();
  if (stat->type != FileType::kRegular) {
    return absl::InvalidArgumentError(absl::StrCat(Quote(path), " is not a regular file"));
  }
  if (stat->identity.size > static_cast<int64_t>(kMaxBytes)) {
    return absl::InvalidArgumentError(absl::StrCat(Quote(path), " has ", stat->identity.size,
                                                   " bytes; at most ", kMaxBytes, " are allowed"));
  }
  return ReadFile(file_system, path, kMaxBytes);
}

}  // namespace

absl::StatusOr<InspectedFile> InspectFile(FileSystem& file_system, const std::string& path,
                                          const std::string& relative_path, const std::string& sidecar_path,
                                          const ConfigOptions& options) {
  MODELD_RETURN_IF_ERROR(file_system.Stat(path).status());
  MODELD_RETURN_IF_ERROR(CheckFormat(relative_path));
  InspectedFile file;
  MODELD_ASSIGN_OR_RETURN(file.archive, ReadArchive(file_system, path));

  std::optional<std::string> config = file.archive.config_json;
  bool sidecar_ignored = false;
  if (config) {
    sidecar_ignored = file_system.Stat(sidecar_path).ok();
  } else {
    MODELD_ASSIGN_OR_RETURN(config, ReadSidecar(file_system, sidecar_path));
    file.config_from_sidecar = config.has_value();
  }
  // Without any config the path may still say all that is needed.
  MODELD_ASSIGN_OR_RETURN(file.parsed, ParseModelConfig(config.value_or("{}"), options));
  if (sidecar_ignored) {
    file.parsed.warnings.push_back(absl::StrCat("the sidecar ",
                                                Quote(sidecar_path.substr(sidecar_path.rfind('/') + 1)),
                                                " is ignored: the archive carries its own config.json"));
  }
  MODELD_ASSIGN_OR_RETURN(file.identity, IdentifyModel(relative_path, file.parsed.config));
  return file;
}

}  // namespace modeld
