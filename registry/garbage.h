// PlanGarbage: what of the artifact store nobody needs. Pure; the daemon and `modelctl --db` share it.
//
// A version is never collected that is live, `previous`, pinned, labelled, a canary or shadow, in a pending
// release, one of the highest `keep_last` of its model, or younger than `keep_younger`. Quarantined ones are
// collected like any other; collected ones are not listed again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "registry/artifact_store.h"
#include "registry/records.h"

namespace modeld {

// The registry and the store as of one moment.
struct StoreSnapshot {
  std::vector<ModelRecord> models;
  std::vector<ReleaseRecord> releases;
  std::vector<ArtifactRecord> artifacts;
  std::vector<StoredFile> stored;
};

struct GarbageOptions {
  std::string model;                                   // only this one's versions, and no orphans; empty: all
  int keep_last = 0;                                   // of each model
  absl::Duration keep_younger = absl::ZeroDuration();  // by when they were registered
};

struct GarbageVersion {
  std::string model;
  std::string version;
  std::string sha256;
  int64_t freed_bytes = 0;  // with its files; 0 where another version needs them

  friend bool operator==(const GarbageVersion&, const GarbageVersion&) = default;
};

struct GarbagePlan {
  std::vector<GarbageVersion> versions;  // by model, lowest first
  std::vector<std::string> artifacts;    // what becomes needless with them: their hashes
  std::vector<std::string> orphans;      // what no version needs now
  int64_t freed_bytes = 0;               // by both together
};

// Versions that must stay for reasons which the snapshot does not tell: they are in memory.
using KeepVersionFn = std::function<bool(const std::string& model, const std::string& version)>;

// An orphan younger than this may be of a version that is being registered just now.
inline constexpr absl::Duration kOrphanAge = absl::Hours(1);

bool IsOldEnough(const StoredFile& file, absl::Time now);

GarbagePlan PlanGarbage(const StoreSnapshot& snapshot, const GarbageOptions& options,
                        const KeepVersionFn& keep, absl::Time now);

// What keeps a version from being collected, as far as its model tells: "live", "labelled stable"; empty:
// nothing. Completes "it is …".
std::string WhyKept(const ModelRecord& model, const std::string& version);

}  // namespace modeld
