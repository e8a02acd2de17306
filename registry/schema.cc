#include "registry/schema.h"

#include "SQLiteCpp/Statement.h"
#include "SQLiteCpp/Transaction.h"
#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"
#include "registry/registry.h"
#include "registry/sqlite_status.h"

namespace modeld {
namespace {

// Times are nanoseconds since the epoch. Texts that are not known are empty, never NULL, except where a
// foreign key needs NULL. 64-bit identities without sign (inode, device) are stored as the signed integer of
// the same bits.
constexpr char kVersion1[] = R"sql(
CREATE TABLE models (
  name       TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
  pinned     TEXT,                          -- NULL: live follows the highest good version
  pin_reason TEXT NOT NULL DEFAULT '',
  FOREIGN KEY (name, pinned) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
  sha256     TEXT NOT NULL PRIMARY KEY CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  format     TEXT NOT NULL CHECK (format <> '')
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
  model            TEXT NOT NULL REFERENCES models (name),
  version          TEXT NOT NULL CHECK (version <> ''),
  sha256           TEXT NOT NULL REFERENCES artifacts (sha256),
  disposition      TEXT NOT NULL CHECK (disposition IN ('good', 'quarantined', 'retired')),
  reason           TEXT NOT NULL,
  description      TEXT NOT NULL,
  warnings         TEXT NOT NULL CHECK (json_type(warnings) IS 'array'),
  registered_at_ns INTEGER NOT NULL,
  config           TEXT NOT NULL,           -- last: it may be long, and lists do not read it
  PRIMARY KEY (model, version)
) STRICT;

CREATE TABLE live_history (
  model    TEXT NOT NULL REFERENCES models (name),
  position INTEGER NOT NULL CHECK (position >= 0),   -- 0 is the oldest, the highest is live
  version  TEXT NOT NULL,
  PRIMARY KEY (model, position),
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
  path             TEXT NOT NULL PRIMARY KEY CHECK (path <> ''),
  size             INTEGER NOT NULL,
  mtime_ns         INTEGER NOT NULL,
  ctime_ns         INTEGER NOT NULL,
  inode            INTEGER NOT NULL,
  device           INTEGER NOT NULL,
  sidecar_size     INTEGER NOT NULL,
  sidecar_mtime_ns INTEGER NOT NULL,
  sidecar_ctime_ns INTEGER NOT NULL,
  sidecar_inode    INTEGER NOT NULL,
  sidecar_device   INTEGER NOT NULL,
  outcome          TEXT NOT NULL CHECK (outcome IN ('registered', 'quarantined')),
  sha256           TEXT NOT NULL,
  model            TEXT NOT NULL,
  version          TEXT NOT NULL,
  reason           TEXT NOT NULL,
  since_ns         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ns      INTEGER NOT NULL,
  actor        TEXT NOT NULL,
  action       TEXT NOT NULL CHECK (action <> ''),
  model        TEXT NOT NULL,
  version      TEXT NOT NULL,
  from_version TEXT NOT NULL,
  to_version   TEXT NOT NULL,
  reason       TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_model ON events (model);   -- every index holds the id as well

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only: a row cannot be changed'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only: a row cannot be deleted'); END;
-- INSERT OR REPLACE deletes without running the trigger above.
CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'events are append-only: a row cannot be replaced'); END;
)sql";

constexpr char kVersion2[] = R"sql(
ALTER TABLE events ADD COLUMN evidence TEXT NOT NULL DEFAULT '';   -- a JSON object, or nothing

-- NULL: it lies in the store.
ALTER TABLE artifacts ADD COLUMN removed_at_ns INTEGER;

-- Files that belong to a version and are artifacts of their own: golden samples from beside a sidecar config.
CREATE TABLE version_files (
  model   TEXT NOT NULL,
  version TEXT NOT NULL,
  name    TEXT NOT NULL CHECK (name <> ''),          -- as an entry below extra/ would be called: golden/0
  sha256  TEXT NOT NULL REFERENCES artifacts (sha256),
  PRIMARY KEY (model, version, name),
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;

-- The last probe of a version.
CREATE TABLE probes (
  model          TEXT NOT NULL,
  version        TEXT NOT NULL,
  passed         INTEGER NOT NULL CHECK (passed IN (0, 1)),
  resident_bytes INTEGER NOT NULL CHECK (resident_bytes >= 0),
  report         BLOB NOT NULL,                      -- a modeld.v1.ProbeReport
  PRIMARY KEY (model, version),
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
  model   TEXT NOT NULL REFERENCES models (name),
  label   TEXT NOT NULL CHECK (label <> ''),
  version TEXT NOT NULL,
  PRIMARY KEY (model, label),
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE traffic (
  model   TEXT NOT NULL REFERENCES models (name),
  kind    TEXT NOT NULL CHECK (kind IN ('canary', 'shadow')),
  version TEXT NOT NULL,
  share   REAL NOT NULL CHECK (share > 0 AND share <= 1),
  PRIMARY KEY (model, kind),
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;

-- Versions that went live not long ago, and are held to what the one before them did.
CREATE TABLE watches (
  model      TEXT NOT NULL PRIMARY KEY REFERENCES models (name),
  version    TEXT NOT NULL,
  previous   TEXT NOT NULL,                          -- where live goes if it fails
  ends_at_ns INTEGER NOT NULL,
  deaths     INTEGER NOT NULL DEFAULT 0,             -- times that the daemon died meanwhile
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;

-- Versions that become live together or not at all.
CREATE TABLE releases (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL CHECK (name <> ''),         -- the directory, relative to the drop directory
  state    TEXT NOT NULL CHECK (state IN ('pending', 'live', 'refused')),
  reason   TEXT NOT NULL,
  since_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE release_members (
  release INTEGER NOT NULL REFERENCES releases (id),
  model   TEXT NOT NULL,
  version TEXT NOT NULL,
  PRIMARY KEY (release, model),                      -- one version of a model
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX release_members_by_version ON release_members (model, version);
-- Versions that a release brought, kept from becoming live by themselves until that release is live.
CREATE TABLE held_versions (
  model   TEXT NOT NULL,
  version TEXT NOT NULL,
  PRIMARY KEY (model, version),
  FOREIGN KEY (model, version) REFERENCES versions (model, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX versions_by_artifact ON versions (sha256);
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2};

absl::Status ApplyMigration(SQLite::Database& database, const char* sql, int version) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  database.exec(sql);
  MODELD_RETURN_IF_ERROR(CheckForeignKeys(database));
  database.exec(absl::StrCat("PRAGMA application_id = ", kRegistryApplicationId));
  database.exec(absl::StrCat("PRAGMA user_version = ", version));
  transaction.commit();
  return absl::OkStatus();
}

}  // namespace

absl::Span<const char* const> RegistryMigrations() { return kMigrations; }

int RegistrySchemaVersion() { return static_cast<int>(RegistryMigrations().size()); }

int SchemaVersion(SQLite::Database& database) { return database.execAndGet("PRAGMA user_version").getInt(); }

absl::Status CheckForeignKeys(SQLite::Database& database) {
  SQLite::Statement violations(database, "PRAGMA foreign_key_check");
  if (!violations.executeStep()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("a row of table ", violations.getColumn(0).getString(),
                                          " refers to a row of table ", violations.getColumn(2).getString(),
                                          " that does not exist"));
}

absl::Status MigrateSchema(SQLite::Database& database, absl::Span<const char* const> migrations) {
  return CatchSqlite("migrate the registry's schema", [&]() -> absl::Status {
    for (size_t done = SchemaVersion(database); done < migrations.size(); ++done) {
      MODELD_RETURN_IF_ERROR(ApplyMigration(database, migrations[done], static_cast<int>(done) + 1));
    }
    return absl::OkStatus();
  });
}

}  // namespace modeld
