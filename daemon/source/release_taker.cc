#include "daemon/source/release_taker.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/incomplete.h"

namespace modeld {
namespace {

// What became of `path`, a file of the release, as what becomes of the release.
TakeResult OfFile(const std::string& path, TakeResult result) {
  result.why =
      absl::Status(result.why.code(), absl::StrCat("file ", Quote(path), ": ", result.why.message()));
  result.sha256.clear();
  return result;
}

TakeResult Fails(Verdict verdict, absl::Status why) {
  return {.verdict = verdict, .why = std::move(why), .identity = {}, .sha256 = ""};
}

// The models of the files seen so far: a release has one version of each.
class Models {
 public:
  // The refusal, where another file holds a version of that model.
  std::optional<TakeResult> Add(const ModelIdentity& identity, const std::string& path) {
    const auto [other, is_new] = paths_.try_emplace(identity.name, path);
    if (is_new) return std::nullopt;
    TakeResult refused = Fails(
        Verdict::kRefused,
        absl::InvalidArgumentError(absl::StrCat(
            "files ", Quote(other->second), " and ", Quote(path), " both hold model ", Quote(identity.name),
            ", of which a release makes one version live; take one out of ", kManifestName)));
    refused.identity = identity;
    return refused;
  }

 private:
  std::map<std::string, std::string> paths_;
};

const ScannedFile* Find(const std::vector<ScannedFile>& files, const std::string& path) {
  const auto it =
      std::find_if(files.begin(), files.end(), [&](const ScannedFile& file) { return file.path == path; });
  return it == files.end() ? nullptr : &*it;
}

}  // namespace

ReleaseResult ReleaseTaker::Take(const ScannedRelease& release, absl::Time now) const {
  ReleaseResult taken;
  const auto ends = [&](TakeResult result) {
    taken.result = std::move(result);
    return taken;
  };
  const absl::StatusOr<ReleaseManifest> manifest = ReadManifest(release.manifest);
  if (IsIncomplete(manifest.status())) return ends(Fails(Verdict::kIncomplete, manifest.status()));
  if (!manifest.ok()) {
    return ends(Fails(taker_->Judge(release.manifest, manifest.status()), manifest.status()));
  }

  std::vector<const ScannedFile*> files;
  std::string missing;
  for (const std::string& path : manifest->models) {
    const ScannedFile* const file = Find(release.files, path);
    if (file != nullptr) files.push_back(file);
    if (file == nullptr && missing.empty()) missing = path;
  }
  for (const ScannedFile& file : release.files) {
    if (std::find(manifest->models.begin(), manifest->models.end(), file.path) == manifest->models.end()) {
      taken.unlisted.push_back(file.path);
    }
  }

  // What is refused is said at once, whatever else is still to come.
  TakeResult looked = Look(files);
  if (looked.verdict != Verdict::kTaken && looked.verdict != Verdict::kIncomplete) return ends(looked);
  if (!missing.empty()) {
    return ends(Fails(Verdict::kIncomplete, IncompleteError(absl::StrCat("file ", Quote(missing), " of ",
                                                                         kManifestName, " is missing"))));
  }
  if (looked.verdict != Verdict::kTaken) return ends(looked);

  std::vector<StagedVersion> staged;
  TakeResult copied = Stage(files, now, staged);
  if (copied.verdict != Verdict::kTaken) return ends(copied);
  std::vector<NewVersion> versions;
  for (size_t i = 0; i < staged.size(); ++i) {
    if (const absl::Status kept = staged[i].Commit(); !kept.ok()) {
      return ends(OfFile(files[i]->path, Fails(Verdict::kLater, kept)));
    }
    versions.push_back(std::move(staged[i].known));
  }
  const absl::Status registered = sink_->RegisterRelease(release.name, versions);
  if (!registered.ok()) return ends(Fails(taker_->Judge(release.manifest, registered), registered));
  for (const NewVersion& known : versions) {
    taken.models.push_back(absl::StrCat(known.version.model, " ", known.version.version));
  }
  return taken;
}

absl::StatusOr<ReleaseManifest> ReleaseTaker::ReadManifest(const ScannedFile& manifest) const {
  MODELD_RETURN_IF_ERROR(taker_->CheckOpens(manifest));
  if (manifest.identity.size > kMaxManifestBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(kManifestName, ": ", manifest.identity.size, " bytes; at most ", kMaxManifestBytes));
  }
  MODELD_ASSIGN_OR_RETURN(const std::string json,
                          ReadFile(*file_system_, manifest.full_path, kMaxManifestBytes));
  // What was read is what was scanned.
  MODELD_RETURN_IF_ERROR(taker_->CheckOpens(manifest));
  if (json.empty()) return IncompleteError(absl::StrCat(kManifestName, " is empty"));
  return ParseReleaseManifest(json);
}

TakeResult ReleaseTaker::Look(const std::vector<const ScannedFile*>& files) const {
  Models models;
  std::optional<TakeResult> incomplete;
  for (const ScannedFile* const file : files) {
    TakeResult looked = taker_->Look(*file);
    if (looked.verdict == Verdict::kIncomplete) {
      if (!incomplete) incomplete = OfFile(file->path, std::move(looked));
      continue;
    }
    if (looked.verdict != Verdict::kTaken) return OfFile(file->path, std::move(looked));
    if (std::optional<TakeResult> refused = models.Add(looked.identity, file->path)) return *refused;
  }
  return incomplete.value_or(TakeResult{});
}

TakeResult ReleaseTaker::Stage(const std::vector<const ScannedFile*>& files, absl::Time now,
                               std::vector<StagedVersion>& staged) const {
  // Once more: a sidecar may say something else by now.
  Models models;
  for (const ScannedFile* const file : files) {
    std::optional<StagedVersion> version;
    TakeResult result = taker_->Stage(*file, now, version);
    if (!version) return OfFile(file->path, std::move(result));
    if (std::optional<TakeResult> refused = models.Add(result.identity, file->path)) return *refused;
    staged.push_back(*std::move(version));
  }
  return {};
}

}  // namespace modeld
