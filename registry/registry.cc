#include "registry/registry.h"

#include <utility>

#include "SQLiteCpp/Database.h"
#include "SQLiteCpp/Transaction.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/database.h"
#include "registry/sqlite_status.h"
#include "registry/tables.h"

namespace modeld {
namespace {

// One transaction around `work`, which returns absl::Status: committed if that is OK, else rolled back.
template <typename Work>
absl::Status InTransaction(SQLite::Database& database, const std::string& attempt, Work&& work) {
  return CatchSqlite(attempt, [&]() -> absl::Status {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    MODELD_RETURN_IF_ERROR(work());
    transaction.commit();
    return absl::OkStatus();
  });
}

// "version "1.0" of model "digits"".
std::string Named(const std::string& model, const std::string& version) {
  return absl::StrCat("version ", Quote(version), " of model ", Quote(model));
}

}  // namespace

Registry::Registry(std::unique_ptr<SQLite::Database> database) : database_(std::move(database)) {}
Registry::~Registry() = default;

absl::StatusOr<std::unique_ptr<Registry>> Registry::Open(const std::string& path, Mode mode) {
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<SQLite::Database> database, OpenRegistryDatabase(path, mode));
  return std::unique_ptr<Registry>(new Registry(std::move(database)));
}

absl::StatusOr<std::vector<ModelRecord>> Registry::ListModels() {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite("list the models", [&] {
    SQLite::Transaction snapshot(database);  // the queries see one state
    return ReadModels(database);
  });
}

absl::StatusOr<std::vector<FileRecord>> Registry::ListFiles() {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite("list the dropped files", [&] { return ReadFiles(database); });
}

absl::StatusOr<std::vector<EventRecord>> Registry::ListEvents(const EventQuery& query) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite("list the events", [&]() -> absl::StatusOr<std::vector<EventRecord>> {
    return ReadEvents(database, query);
  });
}

absl::StatusOr<std::string> Registry::ConfigOf(const std::string& model, const std::string& version) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite(absl::StrCat("read the config of ", Named(model, version)),
                     [&] { return ReadConfig(database, model, version); });
}

absl::Status Registry::RegisterVersion(const VersionRecord& version, const std::string& canonical_config,
                                       const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("register ", Named(version.model, version.version)),
                       [&]() -> absl::Status {
                         MODELD_RETURN_IF_ERROR(InsertVersion(database, version, canonical_config));
                         InsertEvent(database, event);
                         return absl::OkStatus();
                       });
}

absl::Status Registry::SetDisposition(const std::string& model, const std::string& version,
                                      Disposition disposition, const std::string& reason,
                                      const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(
      database,
      absl::StrCat("mark ", Named(model, version), " as ", std::string(DispositionName(disposition))),
      [&]() -> absl::Status {
        MODELD_RETURN_IF_ERROR(UpdateDisposition(database, model, version, disposition, reason));
        InsertEvent(database, event);
        return absl::OkStatus();
      });
}

absl::Status Registry::SetLiveState(const std::string& model, const LiveState& state,
                                    const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("change what is live of model ", Quote(model)),
                       [&]() -> absl::Status {
                         MODELD_RETURN_IF_ERROR(ReplaceLiveState(database, model, state));
                         InsertEvent(database, event);
                         return absl::OkStatus();
                       });
}

absl::Status Registry::RecordFile(const FileRecord& file, const std::optional<EventRecord>& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("remember file ", Quote(file.path)), [&] {
    ReplaceFile(database, file);
    if (event) InsertEvent(database, *event);
    return absl::OkStatus();
  });
}

absl::Status Registry::ForgetFiles(const std::vector<std::string>& paths) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("forget ", paths.size(), " files"), [&] {
    for (const std::string& path : paths) DeleteFile(database, path);
    return absl::OkStatus();
  });
}

absl::Status Registry::RecordEvent(const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("record the event ", Quote(event.action)), [&] {
    InsertEvent(database, event);
    return absl::OkStatus();
  });
}

}  // namespace modeld
