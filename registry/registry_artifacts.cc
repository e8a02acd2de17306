// The part of Registry that the care of the store needs.
#include <utility>

#include "SQLiteCpp/Backup.h"
#include "SQLiteCpp/Column.h"
#include "SQLiteCpp/Database.h"
#include "SQLiteCpp/Statement.h"
#include "SQLiteCpp/Transaction.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/artifact_tables.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/garbage.h"
#include "registry/registry.h"
#include "registry/schema.h"
#include "registry/sqlite_status.h"
#include "registry/tables.h"

namespace modeld {
namespace {

constexpr int kBusyTimeoutMs = 5000;

// Why the version cannot be collected; OK: it can, or it is collected already.
absl::Status CheckCollectable(SQLite::Database& database, const ModelRecord& model,
                              const VersionRecord& version) {
  std::string why = WhyKept(model, version.version);
  if (why.empty()) {
    const std::vector<std::string> releases = PendingReleasesOf(database, model.name, version.version);
    if (!releases.empty()) why = absl::StrCat("in the pending release ", Quote(releases.front()));
  }
  if (why.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("version ", Quote(version.version), " of model ", Quote(model.name), " is ", why));
}

}  // namespace

absl::StatusOr<std::vector<ArtifactRecord>> Registry::ListArtifacts() {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite("list the artifacts", [&] {
    SQLite::Transaction snapshot(database);  // the queries see one state
    return ReadArtifacts(database);
  });
}

absl::StatusOr<bool> Registry::NeedsArtifact(const std::string& sha256) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite(absl::StrCat("look for what needs the artifact ", sha256),
                     [&]() -> absl::StatusOr<bool> { return modeld::NeedsArtifact(database, sha256); });
}

absl::Status Registry::CollectVersion(const std::string& model, const std::string& version,
                                      const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  const std::string attempt = absl::StrCat("collect version ", Quote(version), " of model ", Quote(model));
  return InTransaction(database, attempt, [&]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const ModelRecord record, ReadModel(database, model));
    for (const VersionRecord& known : record.versions) {
      if (known.version != version) continue;
      if (IsCollected(known)) return absl::OkStatus();
      MODELD_RETURN_IF_ERROR(CheckCollectable(database, record, known));
      MarkCollected(database, model, version, event.time);
      InsertEvent(database, event);
      return absl::OkStatus();
    }
    return absl::NotFoundError(
        absl::StrCat("version ", Quote(version), " of model ", Quote(model), " is not registered"));
  });
}

absl::StatusOr<std::vector<std::string>> Registry::CheckIntegrity() {
  std::string path;
  {
    MutexLock lock(&mutex_);
    path = database_->getFilename();
  }
  return CatchSqlite("check the registry's integrity", [&]() -> absl::StatusOr<std::vector<std::string>> {
    SQLite::Database database(path, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    std::vector<std::string> problems;
    SQLite::Statement row(database, "PRAGMA integrity_check(20)");
    while (row.executeStep()) {
      if (const std::string text = row.getColumn(0).getString(); text != "ok") problems.push_back(text);
    }
    const absl::Status references = CheckForeignKeys(database);
    if (!references.ok()) problems.emplace_back(references.message());
    return problems;
  });
}

absl::Status Registry::BackUp(const std::string& path) {
  std::string source_path;
  {
    MutexLock lock(&mutex_);
    source_path = database_->getFilename();
  }
  return CatchSqlite(absl::StrCat("back up the registry to ", Quote(path)), [&] {
    SQLite::Database source(source_path, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    SQLite::Database copy(path, SQLite::OPEN_READWRITE, kBusyTimeoutMs);
    {
      // All pages in one step: they are of one moment, which a reader of a WAL database does not lose.
      SQLite::Backup backup(copy, source);
      backup.executeStep(-1);
    }
    // The mode is copied as well; who reads the copy need not be able to write beside it.
    copy.exec("PRAGMA journal_mode = DELETE");
    return absl::OkStatus();
  });
}

}  // namespace modeld
