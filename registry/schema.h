// The registry's tables, as numbered migrations.
#pragma once

#include "SQLiteCpp/Database.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

namespace modeld {

// PRAGMA application_id of a registry: "modd" in ASCII.
inline constexpr int kRegistryApplicationId = 0x6d6f6464;

// SQL texts; entry i brings a database from schema version i to i + 1. Entries that were released are never
// changed: a change of the schema is one more entry.
absl::Span<const char* const> RegistryMigrations();

// PRAGMA user_version: how many migrations `database` has. Throws SQLite::Exception.
int SchemaVersion(SQLite::Database& database);

// INTERNAL, naming the tables, if a row refers to one that does not exist. Throws SQLite::Exception.
absl::Status CheckForeignKeys(SQLite::Database& database);

// Applies the migrations that `database` does not have yet, each in one transaction together with its schema
// version: after an error the database stands at the last version that succeeded. Foreign keys are not
// enforced meanwhile, so that a migration may rebuild a table, but every migration must leave them whole.
// REQUIRES: PRAGMA foreign_keys is off (SQLite's default).
absl::Status MigrateSchema(SQLite::Database& database, absl::Span<const char* const> migrations);

}  // namespace modeld
