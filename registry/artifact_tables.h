// The registry's tables, as far as they tell what of the artifact store is needed. As tables.h: no locks and
// no transactions, every function may throw SQLite::Exception.
#pragma once

#include <string>
#include <vector>

#include "SQLiteCpp/Database.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/records.h"

namespace modeld {

// As the methods of Registry of these names.
absl::StatusOr<std::vector<ArtifactRecord>> ReadArtifacts(SQLite::Database& database);
bool NeedsArtifact(SQLite::Database& database, const std::string& sha256);

// Names of the pending releases that a version is in.
std::vector<std::string> PendingReleasesOf(SQLite::Database& database, const std::string& model,
                                           const std::string& version);
// Retires the version as collected, and marks its artifacts that nothing needs then as removed at `when`.
void MarkCollected(SQLite::Database& database, const std::string& model, const std::string& version,
                   absl::Time when);

}  // namespace modeld
