#include "registry/database.h"

#include <sqlite3.h>

#include "SQLiteCpp/Column.h"
#include "absl/strings/str_cat.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/schema.h"
#include "registry/sqlite_status.h"

namespace modeld {
namespace {

constexpr int kBusyTimeoutMs = 5000;

constexpr char kRestore[] = "move it away, and restore it from a backup or let modeld make a new one";

absl::Status Refuse(const std::string& path, const std::string& why, const std::string& remedy) {
  return absl::FailedPreconditionError(
      absl::StrCat("registry ", Quote(path), " ", why, "; it was left as it is: ", remedy));
}

// A missing file is created here, not by SQLite, which would take the umask for its mode. Existing files are
// not opened here: closing any descriptor of a database drops all locks that this process holds on it.
absl::Status EnsureFile(const std::string& path, Registry::Mode mode) {
  FileSystem& file_system = *FileSystem::Real();
  const absl::StatusOr<FileStat> stat = file_system.Stat(path);
  if (stat.ok()) {
    if (stat->type == FileType::kRegular) return absl::OkStatus();
    return Refuse(path, "is not a regular file", "choose another path");
  }
  if (!absl::IsNotFound(stat.status())) return stat.status();
  if (mode == Registry::Mode::kReadOnly) {
    return absl::NotFoundError(
        absl::StrCat("registry ", Quote(path), " does not exist; start modeld once to make it"));
  }
  return file_system.CreateExclusive(path).status();
}

// Closing the last connection writes the WAL back into the database: not into one that is refused.
void KeepWalOnClose(SQLite::Database& database, bool keep) {
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

bool HasWal(const std::string& path) {
  const absl::StatusOr<FileStat> stat = FileSystem::Real()->Stat(path + "-wal");
  return stat.ok() && stat->identity.size > 0;
}

// No table, nothing set: a file of no bytes, or one whose creation was cut short.
bool IsEmpty(SQLite::Database& database) {
  return database.execAndGet("PRAGMA application_id").getInt() == 0 && SchemaVersion(database) == 0 &&
         database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
}

absl::Status CheckOrigin(SQLite::Database& database, const std::string& path) {
  if (IsEmpty(database)) return absl::OkStatus();
  if (database.execAndGet("PRAGMA application_id").getInt() != kRegistryApplicationId) {
    return Refuse(path, "is a database of another program", "choose another path");
  }
  const int version = SchemaVersion(database);
  if (version > RegistrySchemaVersion()) {
    return Refuse(path,
                  absl::StrCat("has schema version ", version, ", newer than ", RegistrySchemaVersion(),
                               ", the newest that this build knows"),
                  "run the newer modeld that wrote it, or restore the backup made before the upgrade");
  }
  if (version < 1) return Refuse(path, absl::StrCat("has the impossible schema version ", version), kRestore);
  const std::string damage = database.execAndGet("PRAGMA quick_check(1)").getString();
  if (damage != "ok") return Refuse(path, absl::StrCat("is damaged (", damage, ")"), kRestore);
  const absl::Status references = CheckForeignKeys(database);
  if (!references.ok())
    return Refuse(path, absl::StrCat("is damaged (", references.message(), ")"), kRestore);
  return absl::OkStatus();
}

// Reads only. Damage that SQLite reports as an error is told with the path and the remedy as well.
absl::Status CheckDatabase(SQLite::Database& database, const std::string& path) {
  try {
    return CheckOrigin(database, path);
  } catch (const SQLite::Exception& error) {
    switch (error.getErrorCode()) {
      case SQLITE_NOTADB:
        return Refuse(path, "is not an SQLite database", kRestore);
      case SQLITE_CORRUPT:
        return Refuse(path, absl::StrCat("is damaged (", error.what(), ")"), kRestore);
      default:
        return StatusFromSqlite(absl::StrCat("check registry ", Quote(path)), error);
    }
  }
}

absl::Status PrepareForWriting(SQLite::Database& database, const std::string& path) {
  if (sqlite3_db_readonly(database.getHandle(), "main") == 1) {
    return absl::PermissionDeniedError(
        absl::StrCat("registry ", Quote(path), " cannot be written; check its owner and mode"));
  }
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  return MigrateSchema(database, RegistryMigrations());
}

absl::Status CheckReadable(SQLite::Database& database, const std::string& path) {
  const int version = SchemaVersion(database);
  if (version == RegistrySchemaVersion()) return absl::OkStatus();
  return Refuse(
      path,
      absl::StrCat("has schema version ", version, ", older than this build's ", RegistrySchemaVersion()),
      "start modeld once to migrate it");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenRegistryDatabase(const std::string& path,
                                                                       Registry::Mode mode) {
  MODELD_RETURN_IF_ERROR(EnsureFile(path, mode));
  const bool read_only = mode == Registry::Mode::kReadOnly;
  return CatchSqlite(absl::StrCat("open registry ", Quote(path)),
                     [&]() -> absl::StatusOr<std::unique_ptr<SQLite::Database>> {
                       auto database = std::make_unique<SQLite::Database>(
                           path, read_only ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE, kBusyTimeoutMs);
                       KeepWalOnClose(*database, HasWal(path));
                       MODELD_RETURN_IF_ERROR(CheckDatabase(*database, path));
                       MODELD_RETURN_IF_ERROR(read_only ? CheckReadable(*database, path)
                                                        : PrepareForWriting(*database, path));
                       KeepWalOnClose(*database, false);
                       database->exec("PRAGMA foreign_keys = ON");
                       return database;
                     });
}

}  // namespace modeld
