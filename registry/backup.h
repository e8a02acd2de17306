// SendBackup: a consistent copy of a registry and its artifacts, as a stream of files.
//
// First the database as of one moment, then each artifact that it needs, read through and its hash compared.
// What is missing or damaged ends the backup, unless only versions need it that are not served anyway
// (quarantined, retired): that is left out. BackupWriter takes the stream.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "modeld/v1/admin_service.pb.h"
#include "registry/artifact_store.h"
#include "registry/base/file_system.h"
#include "registry/records.h"
#include "registry/registry.h"

namespace modeld {

// Where the database lies in a backup, and in a state directory.
inline constexpr char kRegistryFile[] = "registry.db";

// Takes one part of the stream; its error ends the backup.
using TakeBackupFn = std::function<absl::Status(const v1::BackupResponse& part)>;

// DATA_LOSS: an artifact is missing or damaged; the message names it, who needs it and the remedy. CANCELLED.
// REQUIRES: nothing is removed from the store meanwhile.
absl::Status SendBackup(Registry& registry, const ArtifactStore& store, FileSystem& file_system,
                        const v1::BackupRequest& request, const TakeBackupFn& take,
                        const std::function<bool()>& cancelled);

// Some good version needs the artifact: a copy without it would not serve what the original serves.
bool IsServed(const ArtifactRecord& artifact);
// "digits 1.0, digits 1.1".
std::string NameUses(const ArtifactRecord& artifact);
// Relative to a backup or state directory.
std::string ArtifactPath(const std::string& sha256);

}  // namespace modeld
