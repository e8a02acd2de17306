#include "registry/backup.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/base/temporary_file.h"
#include "registry/sha256.h"

namespace modeld {
namespace {

// Of one message: well below gRPC's default limit of 4 MiB.
constexpr size_t kChunkBytes = 1 << 20;

absl::Status Lost(const ArtifactRecord& artifact, const std::string& what) {
  return absl::DataLossError(absl::StrCat("artifact ", artifact.sha256, " of ", NameUses(artifact), " ", what,
                                          "; drop its file again, or see modelctl verify"));
}

class Sender {
 public:
  Sender(FileSystem& file_system, const TakeBackupFn& take, const std::function<bool()>& cancelled)
      : file_system_(file_system), take_(take), cancelled_(cancelled) {}

  // The file's bytes with their header; returns their hash.
  absl::StatusOr<std::string> Send(const UniqueFd& file, const std::string& path, const std::string& sha256) {
    MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system_.StatDescriptor(file.get()));
    v1::BackupResponse header;
    header.mutable_file()->set_path(path);
    header.mutable_file()->set_size_bytes(stat.identity.size);
    header.mutable_file()->set_sha256(sha256);
    MODELD_RETURN_IF_ERROR(take_(header));
    return Read(file, take_);
  }

  // Reads to the end and hands each piece to `take`; returns the hash.
  absl::StatusOr<std::string> Read(const UniqueFd& file, const TakeBackupFn& take) {
    Sha256 sha256;
    v1::BackupResponse part;
    std::string& data = *part.mutable_data();
    while (true) {
      if (cancelled_()) return absl::CancelledError("the backup was given up");
      data.resize(kChunkBytes);
      MODELD_ASSIGN_OR_RETURN(const size_t size, file_system_.Read(file.get(), data.data(), data.size()));
      if (size == 0) return sha256.Finish();
      data.resize(size);
      sha256.Update(data);
      MODELD_RETURN_IF_ERROR(take(part));
    }
  }

 private:
  FileSystem& file_system_;
  const TakeBackupFn& take_;
  const std::function<bool()>& cancelled_;
};

// What the copy needs, by hash.
absl::StatusOr<std::vector<ArtifactRecord>> NeededBy(const std::string& snapshot) {
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Registry> registry,
                          Registry::Open(snapshot, Registry::Mode::kReadOnly));
  MODELD_ASSIGN_OR_RETURN(std::vector<ArtifactRecord> artifacts, registry->ListArtifacts());
  std::erase_if(artifacts, [](const ArtifactRecord& artifact) { return artifact.uses.empty(); });
  return artifacts;
}

absl::Status SendArtifact(FileSystem& file_system, const std::string& path, const ArtifactRecord& artifact,
                          Sender& sender) {
  absl::StatusOr<UniqueFd> file = file_system.OpenForRead(path);
  if (absl::IsNotFound(file.status())) {
    return IsServed(artifact) ? Lost(artifact, "is missing") : absl::OkStatus();
  }
  MODELD_RETURN_IF_ERROR(file.status());
  if (!IsServed(artifact)) {
    // Read once before: a file whose header is sent cannot be left out any more.
    MODELD_ASSIGN_OR_RETURN(const std::string sha256,
                            sender.Read(*file, [](const v1::BackupResponse&) { return absl::OkStatus(); }));
    if (sha256 != artifact.sha256) return absl::OkStatus();
    MODELD_ASSIGN_OR_RETURN(*file, file_system.OpenForRead(path));
  }
  MODELD_ASSIGN_OR_RETURN(const std::string sha256,
                          sender.Send(*file, ArtifactPath(artifact.sha256), artifact.sha256));
  return sha256 == artifact.sha256 ? absl::OkStatus() : Lost(artifact, "is damaged");
}

}  // namespace

bool IsServed(const ArtifactRecord& artifact) {
  return std::any_of(artifact.uses.begin(), artifact.uses.end(),
                     [](const ArtifactUse& use) { return use.disposition == Disposition::kGood; });
}

std::string NameUses(const ArtifactRecord& artifact) {
  std::set<std::string> names;
  for (const ArtifactUse& use : artifact.uses) names.insert(absl::StrCat(use.model, " ", use.version));
  return absl::StrJoin(names, ", ");
}

std::string ArtifactPath(const std::string& sha256) {
  return absl::StrCat("artifacts/sha256/", sha256.substr(0, 2), "/", sha256);
}

absl::Status SendBackup(Registry& registry, const ArtifactStore& store, FileSystem& file_system,
                        const v1::BackupRequest& request, const TakeBackupFn& take,
                        const std::function<bool()>& cancelled) {
  std::set<std::string> have;
  for (const std::string& sha256 : request.have_sha256()) {
    if (!IsSha256(sha256)) {
      return absl::InvalidArgumentError(absl::StrCat("have_sha256 holds ", Quote(sha256, 80),
                                                     "; expected 64 lower-case hexadecimal digits each"));
    }
    have.insert(sha256);
  }
  MODELD_ASSIGN_OR_RETURN(const TemporaryFile snapshot,
                          TemporaryFile::Create(&file_system, store.NewStagingPath()));
  MODELD_RETURN_IF_ERROR(registry.BackUp(snapshot.path()));
  Sender sender(file_system, take, cancelled);
  MODELD_ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(file_system, snapshot.path()));
  MODELD_ASSIGN_OR_RETURN(const UniqueFd file, file_system.OpenForRead(snapshot.path()));
  MODELD_RETURN_IF_ERROR(sender.Send(file, kRegistryFile, sha256).status());

  MODELD_ASSIGN_OR_RETURN(const std::vector<ArtifactRecord> artifacts, NeededBy(snapshot.path()));
  for (const ArtifactRecord& artifact : artifacts) {
    if (have.count(artifact.sha256) > 0) continue;
    MODELD_RETURN_IF_ERROR(SendArtifact(file_system, store.PathOf(artifact.sha256), artifact, sender));
  }
  return absl::OkStatus();
}

}  // namespace modeld
