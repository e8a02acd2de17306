#include "daemon/lifecycle/golden_samples.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/version_names.h"
#include "registry/archive_reader.h"
#include "registry/artifact_reader.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

absl::Status Missing(const VersionRecord& record, const std::string& what, const std::string& path) {
  return absl::NotFoundError(absl::StrCat(what, " of ", NameVersion(record.model, record.version),
                                          " is missing: ", path,
                                          "; restore it from a backup, or drop its file again"));
}

// Names of the extra files that the artifact carries.
absl::StatusOr<std::vector<std::string>> ExtraFilesOf(const ArtifactStore& store,
                                                      const VersionRecord& record) {
  const std::string path = store.PathOf(record.sha256);
  if (!CarriesExtraFiles(record.format)) {
    if (!store.Contains(record.sha256)) return Missing(record, "the artifact", path);
    return std::vector<std::string>();
  }
  absl::StatusOr<ArchiveContents> artifact = ReadArtifact(*FileSystem::Real(), path, record.format);
  if (absl::IsNotFound(artifact.status())) return Missing(record, "the artifact", path);
  if (!artifact.ok()) return std::move(artifact).status();
  return std::move(artifact->extra_files);
}

absl::StatusOr<std::string> ReadBytes(const std::string& artifact, const GoldenFile& sample) {
  if (sample.path.empty()) {
    return ReadExtraFile(*FileSystem::Real(), artifact, sample.name, kMaxGoldenBytes);
  }
  return ReadFile(*FileSystem::Real(), sample.path, kMaxGoldenBytes);
}

}  // namespace

absl::StatusOr<std::vector<GoldenFile>> FindGoldenSamples(const ArtifactStore& store, Registry& registry,
                                                          const VersionRecord& record,
                                                          const v1::ModelConfig& config) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<VersionFile> files,
                          registry.FilesOf(record.model, record.version));
  MODELD_ASSIGN_OR_RETURN(std::vector<std::string> available, ExtraFilesOf(store, record));
  for (const VersionFile& file : files) available.push_back(file.name);
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> names, GoldenNames(config, available));

  std::vector<GoldenFile> samples;
  for (const std::string& name : names) {
    const auto beside =
        std::find_if(files.begin(), files.end(), [&](const VersionFile& file) { return file.name == name; });
    samples.push_back({.name = name, .path = beside == files.end() ? "" : store.PathOf(beside->sha256)});
    if (beside != files.end() && !store.Contains(beside->sha256)) {
      return Missing(record, absl::StrCat("golden sample ", Quote(name)), samples.back().path);
    }
  }
  return samples;
}

absl::StatusOr<std::vector<GoldenSample>> ReadGoldenSamples(const ArtifactStore& store, Registry& registry,
                                                            const VersionRecord& record,
                                                            const v1::ModelConfig& config) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<GoldenFile> files,
                          FindGoldenSamples(store, registry, record, config));
  std::vector<GoldenSample> samples;
  for (const GoldenFile& file : files) {
    MODELD_ASSIGN_OR_RETURN(const std::string bytes, ReadBytes(store.PathOf(record.sha256), file));
    MODELD_ASSIGN_OR_RETURN(samples.emplace_back(), DecodeGoldenSample(file.name, bytes));
  }
  return samples;
}

absl::Status CheckGolden(const ServedVersion& version, const std::vector<GoldenSample>& samples,
                         const Tolerance& tolerance) {
  return CheckGolden(*version.executable, {.inputs = version.inputs, .outputs = version.outputs}, samples,
                     tolerance);
}

}  // namespace modeld
