#include "registry/store_check.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/garbage.h"
#include "registry/sha256.h"

namespace modeld {
namespace {

constexpr size_t kReadBytes = 1 << 20;

StoreFinding Finding(v1::StoreFindingKind kind, const std::string& sha256, const std::string& detail) {
  StoreFinding finding;
  finding.message.set_kind(kind);
  finding.message.set_sha256(sha256);
  finding.message.set_detail(detail);
  return finding;
}

// As Sha256OfFile; CANCELLED.
absl::StatusOr<std::string> HashFile(FileSystem& file_system, const std::string& path,
                                     const std::function<bool()>& cancelled, int64_t* bytes) {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd file, file_system.OpenForRead(path));
  Sha256 sha256;
  std::vector<char> buffer(kReadBytes);
  while (true) {
    if (cancelled()) return absl::CancelledError("the check was given up");
    MODELD_ASSIGN_OR_RETURN(const size_t size, file_system.Read(file.get(), buffer.data(), buffer.size()));
    if (size == 0) return sha256.Finish();
    sha256.Update(std::string_view(buffer.data(), size));
    *bytes += static_cast<int64_t>(size);
  }
}

// A version that needs the artifact twice is named once.
void AddUses(const std::vector<ArtifactUse>& uses, StoreFinding* finding) {
  std::set<std::string> names;
  for (const ArtifactUse& use : uses) names.insert(absl::StrCat(use.model, " ", use.version));
  for (const std::string& name : names) finding->message.add_versions(name);
  finding->uses = uses;
}

class Checker {
 public:
  Checker(Registry& registry, const ArtifactStore& store, FileSystem& file_system, absl::Time now,
          const std::function<bool()>& cancelled)
      : registry_(registry), store_(store), file_system_(file_system), now_(now), cancelled_(cancelled) {}

  absl::StatusOr<StoreReport> Run() {
    MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> problems, registry_.CheckIntegrity());
    for (const std::string& problem : problems) Add(v1::STORE_FINDING_KIND_DATABASE, "", problem);
    MODELD_ASSIGN_OR_RETURN(const std::vector<ArtifactRecord> artifacts, registry_.ListArtifacts());
    std::set<std::string> needed;
    for (const ArtifactRecord& artifact : artifacts) {
      if (artifact.uses.empty()) continue;
      needed.insert(artifact.sha256);
      MODELD_RETURN_IF_ERROR(CheckArtifact(artifact));
    }
    MODELD_RETURN_IF_ERROR(LookForOrphans(needed));
    return std::move(report_);
  }

 private:
  StoreFinding& Add(v1::StoreFindingKind kind, const std::string& sha256, const std::string& detail) {
    report_.findings.push_back(Finding(kind, sha256, detail));
    return report_.findings.back();
  }

  absl::Status CheckArtifact(const ArtifactRecord& artifact) {
    const std::string path = store_.PathOf(artifact.sha256);
    ++report_.artifacts;
    const absl::StatusOr<std::string> sha256 = HashFile(file_system_, path, cancelled_, &report_.bytes);
    if (absl::IsCancelled(sha256.status())) return sha256.status();
    if (absl::IsNotFound(sha256.status())) {
      AddUses(artifact.uses, &Add(v1::STORE_FINDING_KIND_MISSING, artifact.sha256,
                                  absl::StrCat(Quote(path, path.size()), " is not there")));
    } else if (absl::IsPermissionDenied(sha256.status()) || absl::IsResourceExhausted(sha256.status())) {
      return sha256.status();  // says nothing of the artifact
    } else if (!sha256.ok()) {
      AddUses(artifact.uses,
              &Add(v1::STORE_FINDING_KIND_DAMAGED, artifact.sha256, std::string(sha256.status().message())));
    } else if (*sha256 != artifact.sha256) {
      AddUses(artifact.uses,
              &Add(v1::STORE_FINDING_KIND_DAMAGED, artifact.sha256,
                   absl::StrCat(Quote(path, path.size()), " holds other bytes: their sha256 is ", *sha256)));
    }
    return absl::OkStatus();
  }

  absl::Status LookForOrphans(const std::set<std::string>& needed) {
    std::vector<std::string> strangers;
    MODELD_ASSIGN_OR_RETURN(const std::vector<StoredFile> stored, store_.List(&strangers));
    for (const StoredFile& file : stored) {
      if (needed.count(file.sha256) > 0 || !IsOldEnough(file, now_)) continue;
      Add(v1::STORE_FINDING_KIND_ORPHAN, file.sha256,
          absl::StrCat("no version needs it; ", file.size_bytes, " bytes"));
    }
    for (const std::string& path : strangers) {
      Add(v1::STORE_FINDING_KIND_ORPHAN, "", absl::StrCat(Quote(path), " is no artifact; remove it by hand"));
    }
    MODELD_ASSIGN_OR_RETURN(const std::vector<StoredFile> staging, store_.ListStaging());
    for (const StoredFile& file : staging) {
      if (!IsOldEnough(file, now_)) continue;
      Add(v1::STORE_FINDING_KIND_ORPHAN, "",
          absl::StrCat(Quote(file.sha256), " is left over, ", file.size_bytes,
                       " bytes; the daemon's next start removes it"));
    }
    return absl::OkStatus();
  }

  Registry& registry_;
  const ArtifactStore& store_;
  FileSystem& file_system_;
  const absl::Time now_;
  const std::function<bool()>& cancelled_;
  StoreReport report_;
};

class Repairer {
 public:
  // A model and a version of it.
  using Version = std::pair<std::string, std::string>;

  Repairer(Registry& registry, const ArtifactStore& store, FileSystem& file_system, VersionKeeper& keeper,
           const std::string& actor, std::set<Version> live)
      : registry_(registry),
        store_(store),
        file_system_(file_system),
        keeper_(keeper),
        actor_(actor),
        live_(std::move(live)) {}

  absl::Status Repair(StoreFinding* finding) {
    const std::string& sha256 = finding->message.sha256();
    switch (finding->message.kind()) {
      case v1::STORE_FINDING_KIND_ORPHAN: {
        if (sha256.empty()) return absl::OkStatus();
        MODELD_ASSIGN_OR_RETURN(const bool removed,
                                store_.Remove(sha256, [&] { return registry_.NeedsArtifact(sha256); }));
        if (removed) Did(finding, "orphans removed", "removed");
        return absl::OkStatus();
      }
      case v1::STORE_FINDING_KIND_MISSING:
        if (store_.Contains(sha256)) return IsMended(finding);
        return Quarantine(finding, "its artifact is missing").status();
      case v1::STORE_FINDING_KIND_DAMAGED: {
        // The check of all may have ended long after it found this.
        const absl::StatusOr<FileStat> found = file_system_.Stat(store_.PathOf(sha256));
        if (found.ok() && IsIntact(sha256)) return IsMended(finding);
        MODELD_ASSIGN_OR_RETURN(const bool quarantined, Quarantine(finding, "its artifact is damaged"));
        if (!quarantined) return absl::OkStatus();
        const auto is_another = [&]() -> absl::StatusOr<bool> {
          const absl::StatusOr<FileStat> now = file_system_.Stat(store_.PathOf(sha256));
          return now.ok() && found.ok() && now->identity != found->identity;
        };
        MODELD_ASSIGN_OR_RETURN(const bool removed, store_.Remove(sha256, is_another));
        if (removed) Did(finding, "damaged artifacts removed", "removed");
        return absl::OkStatus();
      }
      default:
        return absl::OkStatus();
    }
  }

  // "2 orphans removed, 1 versions quarantined"; empty: nothing was done.
  std::string Summary() const {
    return absl::StrJoin(done_, ", ", [](std::string* out, const auto& entry) {
      absl::StrAppend(out, entry.second, " ", entry.first);
    });
  }

 private:
  void Did(StoreFinding* finding, const std::string& kind, const std::string& what) {
    ++done_[kind];
    std::string* const repair = finding->message.mutable_repair();
    absl::StrAppend(repair, repair->empty() ? "" : "; ", what);
  }

  // The good versions that need the artifact, unless one of them is live (false): then all is left as it is.
  absl::StatusOr<bool> Quarantine(StoreFinding* finding, const std::string& why) {
    std::set<Version> versions;
    for (const ArtifactUse& use : finding->uses) {
      const Version version(use.model, use.version);
      if (use.disposition != Disposition::kGood) continue;
      if (live_.count(version) > 0) return LeaveToLive(version, finding);
      versions.insert(version);
    }
    for (const Version& version : versions) {
      const absl::Status done =
          keeper_.Quarantine(version.first, version.second, actor_,
                             absl::StrCat(why, " (found by verify); drop its file again"));
      if (absl::IsFailedPrecondition(done)) return LeaveToLive(version, finding);  // since this very moment
      MODELD_RETURN_IF_ERROR(done);
      Did(finding, "versions quarantined", absl::StrCat(Name(version), " quarantined"));
    }
    return true;
  }

  bool IsIntact(const std::string& sha256) const {
    int64_t bytes = 0;
    const absl::StatusOr<std::string> now = HashFile(
        file_system_, store_.PathOf(sha256), [] { return false; }, &bytes);
    return now.ok() && *now == sha256;
  }
  // Somebody dropped its file again while others were checked.
  static absl::Status IsMended(StoreFinding* finding) {
    finding->message.set_repair("none needed: it is whole again");
    return absl::OkStatus();
  }
  static bool LeaveToLive(const Version& version, StoreFinding* finding) {
    absl::StrAppend(finding->message.mutable_detail(), "; left as it is, for ", Name(version),
                    " is live: drop its file again");
    return false;
  }
  static std::string Name(const Version& version) { return absl::StrCat(version.first, " ", version.second); }

  Registry& registry_;
  const ArtifactStore& store_;
  FileSystem& file_system_;
  VersionKeeper& keeper_;
  const std::string& actor_;
  const std::set<Version> live_;
  std::map<std::string, int> done_;
};

}  // namespace

absl::StatusOr<StoreReport> CheckStore(Registry& registry, const ArtifactStore& store,
                                       FileSystem& file_system, absl::Time now,
                                       const std::function<bool()>& cancelled) {
  return Checker(registry, store, file_system, now, cancelled).Run();
}

absl::Status RepairStore(Registry& registry, const ArtifactStore& store, FileSystem& file_system,
                         VersionKeeper& keeper, const std::string& actor, const Clock& clock,
                         StoreReport* report) {
  std::set<Repairer::Version> live;
  MODELD_ASSIGN_OR_RETURN(const std::vector<ModelRecord> models, registry.ListModels());
  for (const ModelRecord& model : models) live.emplace(model.name, LiveVersion(model.live));
  Repairer repairer(registry, store, file_system, keeper, actor, std::move(live));
  absl::Status status;
  for (StoreFinding& finding : report->findings) {
    status = repairer.Repair(&finding);
    if (!status.ok()) break;
  }
  if (const std::string summary = repairer.Summary(); !summary.empty()) {
    EventRecord event;
    event.time = clock.Now();
    event.actor = actor;
    event.action = action::kRepaired;
    event.reason = summary;
    MODELD_RETURN_IF_ERROR(registry.RecordEvent(event));
  }
  return status;
}

}  // namespace modeld
