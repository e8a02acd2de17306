// The registry's tables: rows from and to records.
//
// No locks and no transactions: the caller holds both. Every function may throw SQLite::Exception; the
// statuses that some return are about what the rows say.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "SQLiteCpp/Database.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/records.h"
#include "registry/registry.h"

namespace modeld {

// As the methods of Registry of these names.
absl::StatusOr<std::vector<ModelRecord>> ReadModels(SQLite::Database& database);
// NOT_FOUND if it is not registered.
absl::StatusOr<ModelRecord> ReadModel(SQLite::Database& database, const std::string& name);
absl::StatusOr<std::vector<FileRecord>> ReadFiles(SQLite::Database& database);
std::vector<EventRecord> ReadEvents(SQLite::Database& database, const EventQuery& query);
// 0: there are none.
int64_t ReadLastEventId(SQLite::Database& database);
absl::StatusOr<std::string> ReadConfig(SQLite::Database& database, const std::string& model,
                                       const std::string& version);

std::vector<VersionFile> ReadVersionFiles(SQLite::Database& database, const std::string& model,
                                          const std::string& version);
// The serialized report; none: never probed.
std::optional<std::string> ReadProbe(SQLite::Database& database, const std::string& model,
                                     const std::string& version);
absl::StatusOr<std::vector<ReleaseRecord>> ReadReleases(SQLite::Database& database);

absl::Status InsertVersion(SQLite::Database& database, const VersionRecord& version,
                           const std::string& canonical_config, const std::vector<VersionFile>& files);
absl::Status UpdateDisposition(SQLite::Database& database, const std::string& model,
                               const std::string& version, Disposition disposition,
                               const std::string& reason);
absl::Status ReplaceLiveState(SQLite::Database& database, const std::string& model, const LiveState& state);
// None: there is none any more.
void ReplaceWatch(SQLite::Database& database, const std::string& model,
                  const std::optional<WatchRecord>& watch);
// Whether the daemon that ran last stopped by itself, or none ever ran.
bool EndedCleanly(SQLite::Database& database);
// As an event, and in the watches that are on over a version that it concerns.
using ConcernsFn = std::function<bool(const std::string& model, const std::string& config_json)>;
void AddDeath(SQLite::Database& database, absl::Time now, const std::string& reason,
              const ConcernsFn& concerns);
absl::Status ReplaceRouting(SQLite::Database& database, const std::string& model, const Routing& routing);
absl::Status ReplaceProbe(SQLite::Database& database, const std::string& model, const std::string& version,
                          bool passed, int64_t resident_bytes, const std::string& report);
absl::StatusOr<int64_t> InsertRelease(SQLite::Database& database, const ReleaseRecord& release);
absl::Status UpdateRelease(SQLite::Database& database, int64_t id, ReleaseState state,
                           const std::string& reason, absl::Time since);
void ReplaceFile(SQLite::Database& database, const FileRecord& file);
void DeleteFile(SQLite::Database& database, const std::string& path);
void InsertEvent(SQLite::Database& database, const EventRecord& event);

}  // namespace modeld
