#include "registry/store_care.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/store_check.h"

namespace modeld {
namespace {

absl::Status RequireNotNegative(const char* field, int64_t value) {
  if (value >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, "; expected 0 or more"));
}

absl::Status RequireModel(const std::vector<ModelRecord>& models, const std::string& name) {
  std::vector<std::string> names;
  for (const ModelRecord& model : models) {
    if (name.empty() || model.name == name) return absl::OkStatus();
    names.push_back(model.name);
  }
  if (name.empty()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("no model ", Quote(name), DidYouMean(name, names)));
}

v1::CollectGarbageResponse ToResponse(const GarbagePlan& plan, bool applied) {
  v1::CollectGarbageResponse response;
  for (const GarbageVersion& version : plan.versions) {
    v1::CollectedVersion* const collected = response.add_versions();
    collected->set_model(version.model);
    collected->set_version(version.version);
    collected->set_sha256(version.sha256);
    collected->set_freed_bytes(version.freed_bytes);
  }
  response.mutable_orphans()->Assign(plan.orphans.begin(), plan.orphans.end());
  response.set_freed_bytes(plan.freed_bytes);
  response.set_applied(applied);
  return response;
}

}  // namespace

StoreCare::StoreCare(Registry* registry, const ArtifactStore* store, FileSystem* file_system,
                     const Clock* clock, VersionKeeper* keeper)
    : registry_(registry), store_(store), file_system_(file_system), clock_(clock), keeper_(keeper) {}

absl::StatusOr<v1::CollectGarbageResponse> StoreCare::CollectGarbage(
    const v1::CollectGarbageRequest& request) {
  MODELD_RETURN_IF_ERROR(RequireNotNegative("keep_last", request.keep_last()));
  MODELD_RETURN_IF_ERROR(RequireNotNegative("keep_younger_seconds", request.keep_younger_seconds()));
  if (!request.apply()) {
    MODELD_ASSIGN_OR_RETURN(const GarbagePlan plan, Plan(request));
    return ToResponse(plan, /*applied=*/false);
  }
  MODELD_ASSIGN_OR_RETURN(const StoreLeases::Lease lease, leases_.Remove("garbage is being collected"));
  MODELD_ASSIGN_OR_RETURN(GarbagePlan plan, Plan(request));
  MODELD_RETURN_IF_ERROR(Apply(request, &plan));
  return ToResponse(plan, /*applied=*/true);
}

absl::StatusOr<GarbagePlan> StoreCare::Plan(const v1::CollectGarbageRequest& request) {
  StoreSnapshot snapshot;
  // The files first: what comes after them is younger than any orphan.
  MODELD_ASSIGN_OR_RETURN(snapshot.stored, store_->List());
  MODELD_ASSIGN_OR_RETURN(snapshot.models, registry_->ListModels());
  MODELD_RETURN_IF_ERROR(RequireModel(snapshot.models, request.model()));
  MODELD_ASSIGN_OR_RETURN(snapshot.releases, registry_->ListReleases());
  MODELD_ASSIGN_OR_RETURN(snapshot.artifacts, registry_->ListArtifacts());
  return PlanGarbage(
      snapshot,
      {.model = request.model(),
       .keep_last = request.keep_last(),
       .keep_younger = absl::Seconds(request.keep_younger_seconds())},
      [this](const std::string& model, const std::string& version) {
        return keeper_->InMemory(model, version);
      },
      clock_->Now());
}

absl::Status StoreCare::Apply(const v1::CollectGarbageRequest& request, GarbagePlan* plan) {
  std::vector<GarbageVersion> collected;
  for (GarbageVersion& version : plan->versions) {
    if (stopping_) return absl::CancelledError("the daemon stops; what is left is collected by the next gc");
    const absl::Status done =
        keeper_->Collect(version.model, version.version, request.actor(), request.reason());
    if (absl::IsFailedPrecondition(done) || absl::IsNotFound(done)) continue;  // needed since it was planned
    MODELD_RETURN_IF_ERROR(done);
    collected.push_back(std::move(version));
  }
  plan->versions = std::move(collected);

  plan->freed_bytes = 0;
  absl::Status trouble;
  const auto remove = [&](const std::string& sha256) {
    const absl::StatusOr<FileStat> stat = file_system_->Stat(store_->PathOf(sha256));
    const absl::StatusOr<bool> removed =
        store_->Remove(sha256, [&] { return registry_->NeedsArtifact(sha256); });
    if (!removed.ok()) trouble = removed.status();
    if (!removed.ok() || !*removed) return false;
    if (stat.ok()) plan->freed_bytes += stat->identity.size;
    return true;
  };
  for (const std::string& sha256 : plan->artifacts) remove(sha256);
  std::erase_if(plan->orphans, [&](const std::string& sha256) { return !remove(sha256); });
  if (trouble.ok()) return absl::OkStatus();
  return absl::Status(trouble.code(), absl::StrCat(plan->versions.size(),
                                                   " versions were collected, but not every file could "
                                                   "be removed: ",
                                                   std::string(trouble.message()),
                                                   "; what is left are orphans, which the next gc removes"));
}

absl::StatusOr<v1::VerifyStoreResponse> StoreCare::Verify(const v1::VerifyStoreRequest& request,
                                                          const CancelledFn& cancelled) {
  absl::StatusOr<StoreLeases::Lease> lease = request.repair() ? leases_.Remove("the store is being repaired")
                                                              : leases_.Read("the store is being verified");
  MODELD_RETURN_IF_ERROR(lease.status());
  MODELD_ASSIGN_OR_RETURN(StoreReport report, CheckStore(*registry_, *store_, *file_system_, clock_->Now(),
                                                         OrStopping(cancelled)));
  if (request.repair()) {
    MODELD_RETURN_IF_ERROR(
        RepairStore(*registry_, *store_, *file_system_, *keeper_, request.actor(), *clock_, &report));
  }
  v1::VerifyStoreResponse response;
  for (StoreFinding& finding : report.findings) *response.add_findings() = std::move(finding.message);
  response.set_artifacts(report.artifacts);
  response.set_bytes(report.bytes);
  return response;
}

absl::Status StoreCare::Backup(const v1::BackupRequest& request, const TakeBackupFn& take,
                               const CancelledFn& cancelled) {
  MODELD_ASSIGN_OR_RETURN(const StoreLeases::Lease lease, leases_.Read("a backup is running"));
  return SendBackup(*registry_, *store_, *file_system_, request, take, OrStopping(cancelled));
}

}  // namespace modeld
