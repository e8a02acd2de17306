#include "registry/registry.h"

#include <utility>

#include "SQLiteCpp/Database.h"
#include "SQLiteCpp/Transaction.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/database.h"
#include "registry/model_config.h"
#include "registry/sqlite_status.h"
#include "registry/tables.h"

namespace modeld {
namespace {

// "version "1.0" of model "digits"".
std::string Named(const std::string& model, const std::string& version) {
  return absl::StrCat("version ", Quote(version), " of model ", Quote(model));
}

absl::Status ApplyMoves(SQLite::Database& database, const std::vector<LiveMove>& moves) {
  for (const LiveMove& move : moves) {
    MODELD_RETURN_IF_ERROR(ReplaceLiveState(database, move.model, move.state));
    if (!move.keep_watch) ReplaceWatch(database, move.model, move.watch);
    InsertEvent(database, move.event);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Registry::InTransaction(SQLite::Database& database, const std::string& attempt,
                                     const std::function<absl::Status()>& work) {
  return CatchSqlite(attempt, [&]() -> absl::Status {
    mutex_.AssertHeld();
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    MODELD_RETURN_IF_ERROR(work());
    // Before the commit, so that nothing can fail after it.
    const int64_t last_event_id = ReadLastEventId(database);
    transaction.commit();
    if (event_listener_ && last_event_id != announced_event_id_) event_listener_(last_event_id);
    announced_event_id_ = last_event_id;
    return absl::OkStatus();
  });
}

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

absl::StatusOr<int64_t> Registry::ListenToEvents(EventListener listener) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  MODELD_ASSIGN_OR_RETURN(announced_event_id_,
                          CatchSqlite("find the last event", [&]() -> absl::StatusOr<int64_t> {
                            return ReadLastEventId(database);
                          }));
  event_listener_ = std::move(listener);
  return announced_event_id_;
}

absl::StatusOr<std::string> Registry::ConfigOf(const std::string& model, const std::string& version) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite(absl::StrCat("read the config of ", Named(model, version)),
                     [&] { return ReadConfig(database, model, version); });
}

absl::StatusOr<std::vector<VersionFile>> Registry::FilesOf(const std::string& model,
                                                           const std::string& version) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite(absl::StrCat("list the files of ", Named(model, version)),
                     [&]() -> absl::StatusOr<std::vector<VersionFile>> {
                       return ReadVersionFiles(database, model, version);
                     });
}

absl::StatusOr<std::optional<v1::ProbeReport>> Registry::ProbeOf(const std::string& model,
                                                                 const std::string& version) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite(
      absl::StrCat("read the probe of ", Named(model, version)),
      [&]() -> absl::StatusOr<std::optional<v1::ProbeReport>> {
        const std::optional<std::string> bytes = ReadProbe(database, model, version);
        if (!bytes.has_value()) return std::nullopt;
        v1::ProbeReport report;
        if (report.ParseFromString(*bytes)) return report;
        return absl::InternalError(absl::StrCat("the probe of ", Named(model, version), " cannot be read"));
      });
}

absl::StatusOr<std::vector<ReleaseRecord>> Registry::ListReleases() {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return CatchSqlite("list the releases", [&] {
    SQLite::Transaction snapshot(database);
    return ReadReleases(database);
  });
}

absl::Status Registry::RegisterVersion(const VersionRecord& version, const std::string& canonical_config,
                                       const EventRecord& event, const std::vector<VersionFile>& files) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("register ", Named(version.model, version.version)),
                       [&]() -> absl::Status {
                         MODELD_RETURN_IF_ERROR(InsertVersion(database, version, canonical_config, files));
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
  return SetLiveStates(
      {{.model = model, .state = state, .event = event, .watch = std::nullopt, .keep_watch = false}});
}

absl::Status Registry::SetLiveStates(const std::vector<LiveMove>& moves) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  const std::string what = moves.size() == 1 ? absl::StrCat("model ", Quote(moves.front().model))
                                             : absl::StrCat(moves.size(), " models");
  return InTransaction(database, absl::StrCat("change what is live of ", what),
                       [&] { return ApplyMoves(database, moves); });
}

absl::Status Registry::EndWatch(const std::string& model, const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("end the watch over model ", Quote(model)), [&] {
    ReplaceWatch(database, model, std::nullopt);
    InsertEvent(database, event);
    return absl::OkStatus();
  });
}

absl::Status Registry::CountDeaths(absl::Time now) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, "look at how the last run ended", [&] {
    // Once for each run: starts that come no further find that it is counted.
    if (EndedCleanly(database)) return absl::OkStatus();
    AddDeath(database, now,
             "the run before ended without stopping: killed, crashed, or the machine went down",
             [](const std::string& model, const std::string& config) { return true; });
    return absl::OkStatus();
  });
}

absl::Status Registry::RecordDeathOnGpu(absl::Time now, const std::string& reason,
                                        const std::set<std::string>& models) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, "record that the daemon cannot go on", [&] {
    AddDeath(database, now, reason, [&](const std::string& model, const std::string& config) {
      const absl::StatusOr<ParsedConfig> parsed = ParseModelConfig(config);
      return models.contains(model) && parsed.ok() && !DeviceOf(parsed->config).empty();
    });
    return absl::OkStatus();
  });
}

absl::Status Registry::SetRouting(const std::string& model, const Routing& routing,
                                  const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("change the routing of model ", Quote(model)),
                       [&]() -> absl::Status {
                         MODELD_RETURN_IF_ERROR(ReplaceRouting(database, model, routing));
                         InsertEvent(database, event);
                         return absl::OkStatus();
                       });
}

absl::Status Registry::RecordProbe(const std::string& model, const std::string& version,
                                   const v1::ProbeReport& report, const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(
      database, absl::StrCat("record the probe of ", Named(model, version)), [&]() -> absl::Status {
        MODELD_RETURN_IF_ERROR(ReplaceProbe(database, model, version,
                                            report.outcome() == v1::PROBE_OUTCOME_PASSED,
                                            report.resident_bytes(), report.SerializeAsString()));
        InsertEvent(database, event);
        return absl::OkStatus();
      });
}

absl::StatusOr<int64_t> Registry::AddRelease(const ReleaseRecord& release,
                                             const std::vector<NewVersion>& versions,
                                             const std::vector<EventRecord>& events) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  int64_t id = 0;
  MODELD_RETURN_IF_ERROR(
      InTransaction(database, absl::StrCat("add the release ", Quote(release.name)), [&]() -> absl::Status {
        for (const NewVersion& added : versions) {
          MODELD_RETURN_IF_ERROR(InsertVersion(database, added.version, added.canonical_config, added.files));
        }
        MODELD_ASSIGN_OR_RETURN(id, InsertRelease(database, release));
        for (const EventRecord& event : events) InsertEvent(database, event);
        return absl::OkStatus();
      }));
  return id;
}

absl::Status Registry::EndRelease(int64_t id, ReleaseState state, const std::string& reason,
                                  const std::vector<LiveMove>& moves, const EventRecord& event) {
  MutexLock lock(&mutex_);
  SQLite::Database& database = *database_;
  return InTransaction(database, absl::StrCat("end release ", id), [&]() -> absl::Status {
    MODELD_RETURN_IF_ERROR(UpdateRelease(database, id, state, reason, event.time));
    MODELD_RETURN_IF_ERROR(ApplyMoves(database, moves));
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
