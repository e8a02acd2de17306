#include "registry/inspect.h"

#include <limits.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "registry/artifact_reader.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/labels.h"

namespace modeld {
namespace {

absl::StatusOr<ArtifactFormat> FormatOf(const std::string& relative_path) {
  const std::optional<ArtifactFormat> format = FormatFromExtension(relative_path);
  if (!format) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quote(relative_path),
                     " is no model file: expected .pt, .pth, .jit or .ts (TorchScript), .pt2 or .onnx"));
  }
  return *format;
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

// The samples' names, with where each lies.
absl::StatusOr<std::vector<InspectedGolden>> FindGolden(const InspectedFile& file,
                                                        const std::vector<GoldenFile>& files) {
  std::vector<std::string> available = file.archive.extra_files;
  for (const GoldenFile& golden : files) {
    if (std::find(available.begin(), available.end(), golden.name) != available.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("golden sample ", Quote(golden.name), " is in the archive and beside it; remove one"));
    }
    available.push_back(golden.name);
  }
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> names, GoldenNames(file.parsed.config, available));
  std::vector<InspectedGolden> samples;
  for (const std::string& name : names) {
    const auto beside = std::find_if(files.begin(), files.end(),
                                     [&](const GoldenFile& golden) { return golden.name == name; });
    samples.push_back({.name = name, .size_bytes = 0, .path = beside == files.end() ? "" : beside->path});
  }
  return samples;
}

// Whether reading a sample failed for its size, and not for a lack of something else.
bool IsTooLarge(FileSystem& file_system, const std::string& archive, const InspectedGolden& sample) {
  if (sample.path.empty()) return file_system.OpenForRead(archive).ok();
  const absl::StatusOr<FileStat> stat = file_system.Stat(sample.path);
  return stat.ok() && stat->identity.size > kMaxGoldenBytes;
}

absl::StatusOr<std::vector<InspectedGolden>> InspectGolden(FileSystem& file_system, const std::string& path,
                                                           const InspectedFile& file,
                                                           const std::vector<GoldenFile>& files) {
  MODELD_ASSIGN_OR_RETURN(std::vector<InspectedGolden> samples, FindGolden(file, files));
  int64_t total_bytes = 0;
  for (InspectedGolden& sample : samples) {
    absl::StatusOr<std::string> bytes = sample.path.empty()
                                            ? ReadExtraFile(file_system, path, sample.name, kMaxGoldenBytes)
                                            : ReadFile(file_system, sample.path, kMaxGoldenBytes);
    if (absl::IsResourceExhausted(bytes.status()) && IsTooLarge(file_system, path, sample)) {
      return absl::InvalidArgumentError(absl::StrCat("golden sample ", Quote(sample.name), " is larger than ",
                                                     kMaxGoldenBytes, " bytes, which are allowed"));
    }
    if (!bytes.ok()) return std::move(bytes).status();
    MODELD_RETURN_IF_ERROR(CheckGoldenSample(sample.name, *bytes));
    sample.size_bytes = static_cast<int64_t>(bytes->size());
    total_bytes += sample.size_bytes;
  }
  if (total_bytes <= kMaxGoldenTotalBytes) return samples;
  return absl::InvalidArgumentError(absl::StrCat("the golden samples have ", total_bytes,
                                                 " bytes together; at most ", kMaxGoldenTotalBytes,
                                                 " are allowed"));
}

// That the entries are there, and hold what they should.
absl::Status CheckLabels(FileSystem& file_system, const std::string& path, const InspectedFile& file) {
  for (int i = 0; i < file.parsed.config.outputs_size(); ++i) {
    const v1::TensorSpec& output = file.parsed.config.outputs(i);
    if (output.labels().empty()) continue;
    const std::vector<std::string>& there = file.archive.extra_files;
    const std::string field = absl::StrCat("outputs[", i, "].labels");
    if (std::find(there.begin(), there.end(), output.labels()) == there.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("config.json: field ", Quote(field), " names ", Quote(output.labels()),
                       ", which the file does not carry", DidYouMean(output.labels(), there),
                       "; add it as an extra file, or write the labels into config.json as \"label_names\""));
    }
    const absl::StatusOr<std::string> text =
        ReadExtraFile(file_system, path, output.labels(), kMaxLabelBytes);
    if (absl::IsResourceExhausted(text.status()) && file_system.OpenForRead(path).ok()) {
      return absl::InvalidArgumentError(absl::StrCat("labels ", Quote(output.labels()), " are larger than ",
                                                     kMaxLabelBytes, " bytes, which are allowed"));
    }
    MODELD_RETURN_IF_ERROR(text.status());
    MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> labels, ParseLabels(output.labels(), *text));
    MODELD_RETURN_IF_ERROR(CheckLabelCount(output, labels.size(), field));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InspectedFile> InspectFile(FileSystem& file_system, const std::string& path,
                                          const std::string& relative_path, const std::string& sidecar_path,
                                          const InspectOptions& options,
                                          const std::vector<GoldenFile>& golden_files) {
  MODELD_RETURN_IF_ERROR(file_system.Stat(path).status());
  MODELD_ASSIGN_OR_RETURN(const ArtifactFormat format, FormatOf(relative_path));
  MODELD_RETURN_IF_ERROR(CheckAllowed(format, options.formats));
  InspectedFile file;
  MODELD_ASSIGN_OR_RETURN(file.archive, ReadArtifact(file_system, path, format));

  std::optional<std::string> config = file.archive.config_json;
  bool sidecar_ignored = false;
  if (config) {
    sidecar_ignored = file_system.Stat(sidecar_path).ok();
  } else {
    MODELD_ASSIGN_OR_RETURN(config, ReadSidecar(file_system, sidecar_path));
    file.config_from_sidecar = config.has_value();
  }
  // Without any config the path may still say all that is needed.
  MODELD_ASSIGN_OR_RETURN(file.parsed, ParseModelConfig(config.value_or("{}"), options.config));
  if (sidecar_ignored) {
    file.parsed.warnings.push_back(absl::StrCat(
        "the sidecar ", Quote(sidecar_path.substr(sidecar_path.rfind('/') + 1)), " is ignored: the ",
        CarriesExtraFiles(format) ? "archive" : "file", " carries its own config.json"));
  }
  MODELD_ASSIGN_OR_RETURN(file.identity, IdentifyModel(relative_path, file.parsed.config));
  MODELD_RETURN_IF_ERROR(CheckLabels(file_system, path, file));
  // An archive with a config is whole; a format that holds no samples has them beside it in any case.
  file.golden_files_ignored = file.archive.config_json && CarriesExtraFiles(format) && !golden_files.empty();
  if (file.golden_files_ignored) {
    file.parsed.warnings.push_back(
        "the golden samples beside it are ignored: the archive carries its own config.json");
  }
  MODELD_ASSIGN_OR_RETURN(
      file.golden, InspectGolden(file_system, path, file,
                                 file.golden_files_ignored ? std::vector<GoldenFile>() : golden_files));
  return file;
}

}  // namespace modeld
