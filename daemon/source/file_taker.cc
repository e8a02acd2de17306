#include "daemon/source/file_taker.h"

#include <utility>

#include "registry/base/log.h"
#include "registry/base/status_macros.h"
#include "registry/incomplete.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

VersionRecord RecordOf(const InspectedFile& inspected, const StagedArtifact& staged, absl::Time now) {
  return {.model = inspected.identity.name,
          .version = inspected.identity.version,
          .sha256 = staged.sha256(),
          .size_bytes = staged.size_bytes(),
          .format = inspected.archive.format,
          .disposition = Disposition::kGood,
          .reason = "",
          .description = inspected.parsed.config.description(),
          .warnings = inspected.parsed.warnings,
          .registered_at = now};
}

std::vector<GoldenFile> PathsOf(const std::vector<StagedGolden>& golden) {
  std::vector<GoldenFile> files;
  files.reserve(golden.size());
  for (const StagedGolden& sample : golden)
    files.push_back({.name = sample.name, .path = sample.copy.path()});
  return files;
}

std::vector<VersionFile> FilesOf(const std::vector<StagedGolden>& golden) {
  std::vector<VersionFile> files;
  files.reserve(golden.size());
  for (const StagedGolden& sample : golden) {
    files.push_back(
        {.name = sample.name, .sha256 = sample.copy.sha256(), .size_bytes = sample.copy.size_bytes()});
  }
  return files;
}

}  // namespace

ModelIdentity IdentityGuess(const std::string& relative_path) {
  const PathIdentity path = IdentityFromPath(relative_path);
  return {.name = ValidateModelName(path.name).ok() ? path.name : "", .version = path.version.value_or("")};
}

absl::Status StagedVersion::Commit() {
  for (StagedGolden& sample : golden) MODELD_RETURN_IF_ERROR(sample.copy.Commit());
  return artifact.Commit();
}

TakeResult FileTaker::Take(const ScannedFile& file, absl::Time now) const {
  std::optional<StagedVersion> staged;
  TakeResult result = Stage(file, now, staged);
  if (!staged) return result;
  return Register(file, *staged, std::move(result));
}

TakeResult FileTaker::Register(const ScannedFile& file, StagedVersion& staged, TakeResult result) const {
  result.why = staged.Commit();
  if (!result.why.ok()) {
    result.verdict = Verdict::kLater;
    return result;
  }
  const NewVersion& known = staged.known;
  result.why = sink_->Register(known.version, known.canonical_config, known.files);
  if (!result.why.ok()) {
    result.verdict = Judge(file, result.why);
    return result;
  }
  for (const std::string& warning : known.version.warnings) {
    LogWarning("config.json",
               {{"model", known.version.model}, {"version", known.version.version}, {"warning", warning}});
  }
  return result;
}

TakeResult FileTaker::Look(const ScannedFile& file) const {
  InspectedFile inspected;
  return Look(file, inspected);
}

TakeResult FileTaker::Look(const ScannedFile& file, InspectedFile& inspected) const {
  TakeResult result{.why = CheckOpens(file), .identity = IdentityGuess(file.path), .sha256 = ""};
  if (!result.why.ok()) {
    result.verdict = Judge(file, result.why);
    return result;
  }
  absl::StatusOr<InspectedFile> found = Inspect(file, file.full_path, file.golden);
  if (found.ok()) {
    inspected = *std::move(found);
    result.identity = inspected.identity;
    return result;
  }
  result.why = found.status();
  result.verdict = IsIncomplete(result.why) ? Verdict::kIncomplete : Judge(file, result.why);
  return result;
}

TakeResult FileTaker::Stage(const ScannedFile& file, absl::Time now,
                            std::optional<StagedVersion>& staged) const {
  // On the file first, so that what is incomplete or refused costs no copy.
  InspectedFile looked_at;
  TakeResult result = Look(file, looked_at);
  if (result.verdict != Verdict::kTaken) return result;
  const auto ends = [&](Verdict verdict, const absl::Status& why) {
    result.verdict = verdict;
    result.why = why;
    return result;
  };

  absl::StatusOr<StagedArtifact> artifact =
      background_->Run([&] { return store_->Stage(file.full_path, file.identity); });
  if (!artifact.ok()) {
    const Verdict verdict = Judge(file, artifact.status());
    return ends(verdict == Verdict::kRefused ? Verdict::kLater : verdict, artifact.status());
  }
  result.sha256 = artifact->sha256();

  absl::StatusOr<std::vector<StagedGolden>> golden = StageGolden(looked_at);
  if (!golden.ok()) return ends(Judge(file, golden.status()), golden.status());
  // Where the archive carries its own config, those beside it are none of its samples, and said to be
  // ignored once more.
  const absl::StatusOr<InspectedFile> inspected =
      Inspect(file, artifact->path(), looked_at.golden_files_ignored ? file.golden : PathsOf(*golden));
  if (IsIncomplete(inspected.status())) return ends(Verdict::kChanged, inspected.status());
  if (!inspected.ok()) return ends(Judge(file, inspected.status()), inspected.status());
  result.identity = inspected->identity;

  NewVersion known{.version = RecordOf(*inspected, *artifact, now),
                   .canonical_config = inspected->parsed.canonical_json,
                   .files = FilesOf(*golden)};
  staged = StagedVersion{
      .known = std::move(known), .artifact = *std::move(artifact), .golden = *std::move(golden)};
  return result;
}

absl::Status FileTaker::CheckOpens(const ScannedFile& file) const {
  MODELD_RETURN_IF_ERROR(file.status);
  MODELD_ASSIGN_OR_RETURN(const UniqueFd fd, file_system_->OpenForRead(file.full_path));
  MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system_->StatDescriptor(fd.get()));
  if (stat.identity != file.identity) return absl::AbortedError("changed since it was scanned");
  return absl::OkStatus();
}

absl::StatusOr<InspectedFile> FileTaker::Inspect(const ScannedFile& file, const std::string& path,
                                                 const std::vector<GoldenFile>& golden) const {
  return InspectFile(*file_system_, path, file.path, file.sidecar_path, inspect_, golden);
}

absl::StatusOr<std::vector<StagedGolden>> FileTaker::StageGolden(const InspectedFile& inspected) const {
  std::vector<StagedGolden> staged;
  for (const InspectedGolden& sample : inspected.golden) {
    if (sample.path.empty()) continue;  // in the archive
    MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system_->Stat(sample.path));
    MODELD_ASSIGN_OR_RETURN(StagedArtifact copy, store_->Stage(sample.path, stat.identity));
    staged.push_back({.name = sample.name, .copy = std::move(copy)});
  }
  return staged;
}

Verdict FileTaker::Judge(const ScannedFile& file, const absl::Status& why) const {
  switch (why.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return Verdict::kRefused;
    case absl::StatusCode::kAborted:
      return Verdict::kChanged;
    case absl::StatusCode::kNotFound:
      // Where the file is still there, it is something else that is missing: its sidecar, a directory of
      // ours.
      return IsAsScanned(file) ? Verdict::kLater : Verdict::kChanged;
    default:
      return Verdict::kLater;
  }
}

bool FileTaker::IsAsScanned(const ScannedFile& file) const {
  const absl::StatusOr<FileStat> stat = file_system_->Stat(file.full_path);
  return stat.ok() && stat->identity == file.identity;
}

}  // namespace modeld
