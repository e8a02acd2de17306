#include "registry/garbage.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/live_state.h"

namespace modeld {
namespace {

// A model and a version of it.
using Key = std::pair<std::string, std::string>;

std::set<Key> PendingMembers(const std::vector<ReleaseRecord>& releases) {
  std::set<Key> members;
  for (const ReleaseRecord& release : releases) {
    if (release.state == ReleaseState::kPending) {
      members.insert(release.members.begin(), release.members.end());
    }
  }
  return members;
}

// Versions of `model` that may be collected, lowest first.
std::vector<const VersionRecord*> Collectable(const ModelRecord& model, const std::set<Key>& pending,
                                              const GarbageOptions& options, const KeepVersionFn& keep,
                                              absl::Time now) {
  std::vector<const VersionRecord*> collectable;
  // Of those that are still there: a collected one takes no other's place.
  int higher = 0;
  for (auto version = model.versions.rbegin(); version != model.versions.rend(); ++version) {
    if (IsCollected(*version)) continue;
    if (higher++ < options.keep_last) continue;
    const bool young = version->registered_at + options.keep_younger > now;
    if (young || pending.count({model.name, version->version}) > 0 ||
        !WhyKept(model, version->version).empty() || keep(model.name, version->version)) {
      continue;
    }
    collectable.push_back(&*version);
  }
  std::reverse(collectable.begin(), collectable.end());
  return collectable;
}

}  // namespace

std::string WhyKept(const ModelRecord& model, const std::string& version) {
  if (LiveVersion(model.live) == version) return "live";
  if (model.live.pinned == version) return "pinned";
  const std::string previous = PreviousVersion(model.live, [&](std::string_view candidate) {
    return std::any_of(model.versions.begin(), model.versions.end(), [&](const VersionRecord& record) {
      return record.version == candidate && record.disposition == Disposition::kGood;
    });
  });
  if (previous == version) return "previous, where a rollback goes";
  if (model.watch && model.watch->previous == version) return "where live goes if it fails its watch";
  for (const auto& [label, labelled] : model.routing.labels) {
    if (labelled == version) return absl::StrCat("labelled ", label);
  }
  if (model.routing.canary == version) return "the canary";
  if (model.routing.shadow == version) return "the shadow";
  return "";
}

bool IsOldEnough(const StoredFile& file, absl::Time now) {
  return absl::FromUnixNanos(file.mtime_ns) + kOrphanAge <= now;
}

GarbagePlan PlanGarbage(const StoreSnapshot& snapshot, const GarbageOptions& options,
                        const KeepVersionFn& keep, absl::Time now) {
  GarbagePlan plan;
  std::map<std::string, int64_t> stored;
  for (const StoredFile& file : snapshot.stored) stored[file.sha256] = file.size_bytes;

  const std::set<Key> pending = PendingMembers(snapshot.releases);
  std::map<Key, size_t> collected;  // to their places in plan.versions
  for (const ModelRecord& model : snapshot.models) {
    if (!options.model.empty() && model.name != options.model) continue;
    for (const VersionRecord* version : Collectable(model, pending, options, keep, now)) {
      collected.emplace(Key(model.name, version->version), plan.versions.size());
      plan.versions.push_back(
          {.model = model.name, .version = version->version, .sha256 = version->sha256, .freed_bytes = 0});
    }
  }

  std::set<std::string> needed;
  for (const ArtifactRecord& artifact : snapshot.artifacts) {
    if (artifact.uses.empty()) continue;
    needed.insert(artifact.sha256);
    const auto is_collected = [&](const ArtifactUse& use) {
      return collected.count({use.model, use.version}) > 0;
    };
    if (!std::all_of(artifact.uses.begin(), artifact.uses.end(), is_collected)) continue;
    const auto file = stored.find(artifact.sha256);
    if (file == stored.end()) continue;
    plan.artifacts.push_back(artifact.sha256);
    // Counted once, for the first that needs it.
    const ArtifactUse& first = artifact.uses.front();
    plan.versions[collected.at({first.model, first.version})].freed_bytes += file->second;
    plan.freed_bytes += file->second;
  }
  if (!options.model.empty()) return plan;

  for (const StoredFile& file : snapshot.stored) {
    if (needed.count(file.sha256) > 0 || !IsOldEnough(file, now)) continue;
    plan.orphans.push_back(file.sha256);
    plan.freed_bytes += file.size_bytes;
  }
  return plan;
}

}  // namespace modeld
