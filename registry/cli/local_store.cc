// The part of LocalBackend that cares for the artifacts beside the registry file.
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/local.h"

namespace modeld {

absl::StatusOr<StoreCare*> LocalBackend::Care() {
  if (care_ != nullptr) return care_.get();
  const std::string root = directory_ + "/artifacts";
  if (absl::Status there = FileSystem::Real()->Stat(root).status(); absl::IsNotFound(there)) {
    return absl::NotFoundError(
        absl::StrCat("there is no artifact store ", Quote(root, root.size()),
                     " beside the registry file; name the one in the state directory"));
  } else if (!there.ok()) {
    return there;
  }
  MODELD_ASSIGN_OR_RETURN(store_, ArtifactStore::Open(FileSystem::Real(), root));
  keeper_ = std::make_unique<RegistryKeeper>(registry_.get(), clock_);
  care_ =
      std::make_unique<StoreCare>(registry_.get(), store_.get(), FileSystem::Real(), clock_, keeper_.get());
  return care_.get();
}

absl::StatusOr<v1::CollectGarbageResponse> LocalBackend::CollectGarbage(
    const v1::CollectGarbageRequest& request) {
  MODELD_ASSIGN_OR_RETURN(StoreCare* const care, Care());
  return care->CollectGarbage(request);
}

absl::StatusOr<v1::VerifyStoreResponse> LocalBackend::VerifyStore(const v1::VerifyStoreRequest& request) {
  MODELD_ASSIGN_OR_RETURN(StoreCare* const care, Care());
  return care->Verify(request, [] { return false; });
}

absl::Status LocalBackend::Backup(const v1::BackupRequest& request, const TakeBackupFn& take) {
  MODELD_ASSIGN_OR_RETURN(StoreCare* const care, Care());
  return care->Backup(request, take, [] { return false; });
}

}  // namespace modeld
