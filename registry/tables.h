// The registry's tables: rows from and to records.
//
// No locks and no transactions: the caller holds both. Every function may throw SQLite::Exception; the
// statuses that some return are about what the rows say.
#pragma once

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
absl::StatusOr<std::vector<FileRecord>> ReadFiles(SQLite::Database& database);
std::vector<EventRecord> ReadEvents(SQLite::Database& database, const EventQuery& query);
absl::StatusOr<std::string> ReadConfig(SQLite::Database& database, const std::string& model,
                                       const std::string& version);

absl::Status InsertVersion(SQLite::Database& database, const VersionRecord& version,
                           const std::string& canonical_config);
absl::Status UpdateDisposition(SQLite::Database& database, const std::string& model,
                               const std::string& version, Disposition disposition,
                               const std::string& reason);
absl::Status ReplaceLiveState(SQLite::Database& database, const std::string& model, const LiveState& state);
void ReplaceFile(SQLite::Database& database, const FileRecord& file);
void DeleteFile(SQLite::Database& database, const std::string& path);
void InsertEvent(SQLite::Database& database, const EventRecord& event);

}  // namespace modeld
