#include "registry/tables.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "SQLiteCpp/Column.h"
#include "SQLiteCpp/Statement.h"
#include "SQLiteCpp/VariadicBind.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

// Runs one statement with its values; returns the number of rows that it changed.
template <typename... Values>
int Execute(SQLite::Database& database, const char* sql, const Values&... values) {
  SQLite::Statement statement(database, sql);
  SQLite::bind(statement, values...);
  return statement.exec();
}

template <typename... Values>
bool Exists(SQLite::Database& database, const char* sql, const Values&... values) {
  SQLite::Statement statement(database, sql);
  SQLite::bind(statement, values...);
  return statement.executeStep();
}

// SQLite knows signed integers only: the same bits.
int64_t ToSql(uint64_t value) { return std::bit_cast<int64_t>(value); }
uint64_t UnsignedFromSql(int64_t value) { return std::bit_cast<uint64_t>(value); }

int64_t ToSql(absl::Time time) { return absl::ToUnixNanos(time); }
absl::Time TimeFromSql(int64_t nanos) { return absl::FromUnixNanos(nanos); }

std::string ToSql(const std::vector<std::string>& texts) {
  // A text that is not UTF-8 keeps what is readable of it.
  return nlohmann::json(texts).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<std::vector<std::string>> TextsFromSql(const std::string& json) {
  std::vector<std::string> texts;
  for (const nlohmann::json& text : nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false)) {
    if (!text.is_string()) return absl::InternalError(absl::StrCat("not a list of texts: ", Quote(json)));
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

absl::Status UnknownName(const char* kind, const std::string& name) {
  return absl::InternalError(absl::StrCat("the registry holds the unknown ", kind, " ", Quote(name),
                                          "; run the modeld that wrote it"));
}

absl::Status NoSuchVersion(const std::string& model, const std::string& version) {
  return absl::NotFoundError(
      absl::StrCat("version ", Quote(version), " of model ", Quote(model), " is not registered"));
}

bool HasVersion(SQLite::Database& database, const std::string& model, const std::string& version) {
  return Exists(database, "SELECT 1 FROM versions WHERE model = ? AND version = ?", model, version);
}

absl::StatusOr<VersionRecord> ReadVersion(const SQLite::Statement& row) {
  VersionRecord record;
  record.model = row.getColumn(0).getString();
  record.version = row.getColumn(1).getString();
  record.sha256 = row.getColumn(2).getString();
  record.size_bytes = row.getColumn(3).getInt64();
  const std::string format = row.getColumn(4).getString();
  const std::optional<ArtifactFormat> known_format = FormatFromName(format);
  if (!known_format) return UnknownName("format", format);
  record.format = *known_format;
  const std::string disposition = row.getColumn(5).getString();
  const std::optional<Disposition> known_disposition = DispositionFromName(disposition);
  if (!known_disposition) return UnknownName("disposition", disposition);
  record.disposition = *known_disposition;
  record.reason = row.getColumn(6).getString();
  record.description = row.getColumn(7).getString();
  MODELD_ASSIGN_OR_RETURN(record.warnings, TextsFromSql(row.getColumn(8).getString()));
  record.registered_at = TimeFromSql(row.getColumn(9).getInt64());
  record.probed = row.getColumn(10).getInt() != 0;
  record.resident_bytes = row.getColumn(11).getInt64();
  record.held = row.getColumn(12).getInt() != 0;
  return record;
}

FileIdentity ReadIdentity(const SQLite::Statement& row, int first_column) {
  return {.size = row.getColumn(first_column).getInt64(),
          .mtime_ns = row.getColumn(first_column + 1).getInt64(),
          .ctime_ns = row.getColumn(first_column + 2).getInt64(),
          .inode = UnsignedFromSql(row.getColumn(first_column + 3).getInt64()),
          .device = UnsignedFromSql(row.getColumn(first_column + 4).getInt64())};
}

absl::StatusOr<FileRecord> ReadFileRecord(const SQLite::Statement& row) {
  FileRecord record;
  record.path = row.getColumn(0).getString();
  record.identity = ReadIdentity(row, 1);
  record.sidecar = ReadIdentity(row, 6);
  const std::string outcome = row.getColumn(11).getString();
  const std::optional<FileOutcome> known_outcome = FileOutcomeFromName(outcome);
  if (!known_outcome) return UnknownName("file outcome", outcome);
  record.outcome = *known_outcome;
  record.sha256 = row.getColumn(12).getString();
  record.model = row.getColumn(13).getString();
  record.version = row.getColumn(14).getString();
  record.reason = row.getColumn(15).getString();
  record.since = TimeFromSql(row.getColumn(16).getInt64());
  return record;
}

EventRecord ReadEvent(const SQLite::Statement& row) {
  EventRecord event;
  event.id = row.getColumn(0).getInt64();
  event.time = TimeFromSql(row.getColumn(1).getInt64());
  event.actor = row.getColumn(2).getString();
  event.action = row.getColumn(3).getString();
  event.model = row.getColumn(4).getString();
  event.version = row.getColumn(5).getString();
  event.from_version = row.getColumn(6).getString();
  event.to_version = row.getColumn(7).getString();
  event.reason = row.getColumn(8).getString();
  event.evidence = row.getColumn(9).getString();
  return event;
}

// One that was removed from the store is there again.
void InsertArtifact(SQLite::Database& database, const std::string& sha256, int64_t size_bytes,
                    const std::string& format) {
  Execute(database,
          "INSERT INTO artifacts (sha256, size_bytes, format) VALUES (?, ?, ?) "
          "ON CONFLICT DO UPDATE SET removed_at_ns = NULL",
          sha256, size_bytes, format);
}

// All models, or the one called `*only`.
absl::StatusOr<std::vector<ModelRecord>> ReadModelsWhere(SQLite::Database& database,
                                                         const std::string* only) {
  // Texts of their own, so that each uses its index.
  const auto statement = [&](const std::string& before, const char* column, const char* after) {
    SQLite::Statement query(
        database, only == nullptr ? before + after : absl::StrCat(before, " WHERE ", column, " = ?", after));
    if (only != nullptr) query.bind(1, *only);
    return query;
  };
  std::vector<ModelRecord> models;
  std::unordered_map<std::string, size_t> index;
  SQLite::Statement model_row =
      statement("SELECT name, ifnull(pinned, ''), pin_reason FROM models", "name", " ORDER BY name");
  while (model_row.executeStep()) {
    ModelRecord model;
    model.name = model_row.getColumn(0).getString();
    model.live.pinned = model_row.getColumn(1).getString();
    model.live.pin_reason = model_row.getColumn(2).getString();
    index.emplace(model.name, models.size());
    models.push_back(std::move(model));
  }
  // That every row's model is in `index` is a foreign key, checked at open.
  SQLite::Statement history_row =
      statement("SELECT model, version FROM live_history", "model", " ORDER BY model, position");
  while (history_row.executeStep()) {
    ModelRecord& model = models[index.at(history_row.getColumn(0).getString())];
    model.live.history.push_back(history_row.getColumn(1).getString());
  }
  SQLite::Statement watch_row =
      statement("SELECT model, version, previous, ends_at_ns, deaths FROM watches", "model", "");
  while (watch_row.executeStep()) {
    models[index.at(watch_row.getColumn(0).getString())].watch =
        WatchRecord{.version = watch_row.getColumn(1).getString(),
                    .previous = watch_row.getColumn(2).getString(),
                    .ends_at = TimeFromSql(watch_row.getColumn(3).getInt64()),
                    .deaths = watch_row.getColumn(4).getInt()};
  }
  SQLite::Statement label_row = statement("SELECT model, label, version FROM labels", "model", "");
  while (label_row.executeStep()) {
    ModelRecord& model = models[index.at(label_row.getColumn(0).getString())];
    model.routing.labels[label_row.getColumn(1).getString()] = label_row.getColumn(2).getString();
  }
  SQLite::Statement traffic_row = statement("SELECT model, kind, version, share FROM traffic", "model", "");
  while (traffic_row.executeStep()) {
    Routing& routing = models[index.at(traffic_row.getColumn(0).getString())].routing;
    const bool canary = traffic_row.getColumn(1).getString() == "canary";
    (canary ? routing.canary : routing.shadow) = traffic_row.getColumn(2).getString();
    (canary ? routing.canary_share : routing.shadow_share) = traffic_row.getColumn(3).getDouble();
  }
  SQLite::Statement version_row = statement(
      "SELECT v.model, v.version, v.sha256, a.size_bytes, a.format, v.disposition, v.reason, v.description, "
      "v.warnings, v.registered_at_ns, ifnull(p.passed, 0), ifnull(p.resident_bytes, 0), "
      "h.model IS NOT NULL FROM versions v JOIN artifacts a ON a.sha256 = v.sha256 "
      "LEFT JOIN probes p ON p.model = v.model AND p.version = v.version "
      "LEFT JOIN held_versions h ON h.model = v.model AND h.version = v.version",
      "v.model", "");
  while (version_row.executeStep()) {
    MODELD_ASSIGN_OR_RETURN(VersionRecord record, ReadVersion(version_row));
    std::vector<VersionRecord>& versions = models[index.at(record.model)].versions;
    versions.push_back(std::move(record));
  }
  for (ModelRecord& model : models) {
    std::sort(model.versions.begin(), model.versions.end(),
              [](const auto& a, const auto& b) { return CompareVersions(a.version, b.version) < 0; });
  }
  return models;
}

}  // namespace

absl::StatusOr<std::vector<ModelRecord>> ReadModels(SQLite::Database& database) {
  return ReadModelsWhere(database, nullptr);
}

absl::StatusOr<ModelRecord> ReadModel(SQLite::Database& database, const std::string& name) {
  MODELD_ASSIGN_OR_RETURN(std::vector<ModelRecord> models, ReadModelsWhere(database, &name));
  if (models.empty()) return absl::NotFoundError(absl::StrCat("model ", Quote(name), " is not registered"));
  return std::move(models.front());
}

absl::StatusOr<std::vector<FileRecord>> ReadFiles(SQLite::Database& database) {
  SQLite::Statement row(
      database,
      "SELECT path, size, mtime_ns, ctime_ns, inode, device, sidecar_size, sidecar_mtime_ns, "
      "sidecar_ctime_ns, sidecar_inode, sidecar_device, outcome, sha256, model, version, "
      "reason, since_ns FROM files ORDER BY path");
  std::vector<FileRecord> files;
  while (row.executeStep()) {
    MODELD_ASSIGN_OR_RETURN(FileRecord record, ReadFileRecord(row));
    files.push_back(std::move(record));
  }
  return files;
}

std::vector<EventRecord> ReadEvents(SQLite::Database& database, const EventQuery& query) {
  // Texts of their own, so that each uses its index.
  std::string sql =
      "SELECT id, time_ns, actor, action, model, version, from_version, to_version, reason, evidence "
      "FROM events WHERE id < ?1 AND id > ?2";
  if (!query.model.empty()) sql += " AND model = ?4";
  sql += query.oldest_first ? " ORDER BY id ASC LIMIT ?3" : " ORDER BY id DESC LIMIT ?3";
  SQLite::Statement row(database, sql);
  row.bind(1, query.before_id > 0 ? query.before_id : std::numeric_limits<int64_t>::max());
  row.bind(2, query.after_id);
  row.bind(3, std::max(query.limit, 0));  // to SQLite a negative limit is none
  if (!query.model.empty()) row.bind(4, query.model);
  std::vector<EventRecord> events;
  while (row.executeStep()) events.push_back(ReadEvent(row));
  return events;
}

int64_t ReadLastEventId(SQLite::Database& database) {
  SQLite::Statement row(database, "SELECT coalesce(max(id), 0) FROM events");
  row.executeStep();
  return row.getColumn(0).getInt64();
}

absl::StatusOr<std::string> ReadConfig(SQLite::Database& database, const std::string& model,
                                       const std::string& version) {
  SQLite::Statement row(database, "SELECT config FROM versions WHERE model = ? AND version = ?");
  SQLite::bind(row, model, version);
  if (!row.executeStep()) return NoSuchVersion(model, version);
  return row.getColumn(0).getString();
}

std::vector<VersionFile> ReadVersionFiles(SQLite::Database& database, const std::string& model,
                                          const std::string& version) {
  SQLite::Statement row(database,
                        "SELECT f.name, f.sha256, a.size_bytes FROM version_files f JOIN artifacts a ON "
                        "a.sha256 = f.sha256 WHERE f.model = ? AND f.version = ? ORDER BY f.name");
  SQLite::bind(row, model, version);
  std::vector<VersionFile> files;
  while (row.executeStep()) {
    files.push_back({.name = row.getColumn(0).getString(),
                     .sha256 = row.getColumn(1).getString(),
                     .size_bytes = row.getColumn(2).getInt64()});
  }
  return files;
}

std::optional<std::string> ReadProbe(SQLite::Database& database, const std::string& model,
                                     const std::string& version) {
  SQLite::Statement row(database, "SELECT report FROM probes WHERE model = ? AND version = ?");
  SQLite::bind(row, model, version);
  if (!row.executeStep()) return std::nullopt;
  return row.getColumn(0).getString();
}

absl::StatusOr<std::vector<ReleaseRecord>> ReadReleases(SQLite::Database& database) {
  std::vector<ReleaseRecord> releases;
  std::unordered_map<int64_t, size_t> index;
  SQLite::Statement row(database, "SELECT id, name, state, reason, since_ns FROM releases ORDER BY id");
  while (row.executeStep()) {
    const std::string state = row.getColumn(2).getString();
    const std::optional<ReleaseState> known = ReleaseStateFromName(state);
    if (!known) return UnknownName("release state", state);
    index.emplace(row.getColumn(0).getInt64(), releases.size());
    releases.push_back({.id = row.getColumn(0).getInt64(),
                        .name = row.getColumn(1).getString(),
                        .state = *known,
                        .reason = row.getColumn(3).getString(),
                        .members = {},
                        .since = TimeFromSql(row.getColumn(4).getInt64())});
  }
  SQLite::Statement member(database, "SELECT release, model, version FROM release_members");
  while (member.executeStep()) {
    releases[index.at(member.getColumn(0).getInt64())].members[member.getColumn(1).getString()] =
        member.getColumn(2).getString();
  }
  return releases;
}

absl::Status InsertVersion(SQLite::Database& database, const VersionRecord& version,
                           const std::string& canonical_config, const std::vector<VersionFile>& files) {
  if (HasVersion(database, version.model, version.version)) {
    return absl::AlreadyExistsError(absl::StrCat("model ", Quote(version.model), " has a version ",
                                                 Quote(version.version), " already; versions never change"));
  }
  Execute(database, "INSERT INTO models (name) VALUES (?) ON CONFLICT DO NOTHING", version.model);
  InsertArtifact(database, version.sha256, version.size_bytes, std::string(FormatName(version.format)));
  Execute(database,
          "INSERT INTO versions (model, version, sha256, disposition, reason, description, warnings, "
          "registered_at_ns, config) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          version.model, version.version, version.sha256, std::string(DispositionName(version.disposition)),
          version.reason, version.description, ToSql(version.warnings), ToSql(version.registered_at),
          canonical_config);
  if (version.held) {
    Execute(database, "INSERT INTO held_versions (model, version) VALUES (?, ?)", version.model,
            version.version);
  }
  for (const VersionFile& file : files) {
    InsertArtifact(database, file.sha256, file.size_bytes, "file");
    Execute(database, "INSERT INTO version_files (model, version, name, sha256) VALUES (?, ?, ?, ?)",
            version.model, version.version, file.name, file.sha256);
  }
  return absl::OkStatus();
}

absl::Status UpdateDisposition(SQLite::Database& database, const std::string& model,
                               const std::string& version, Disposition disposition,
                               const std::string& reason) {
  if (reason == kCollectedReason) {
    // It would be taken for collected, and its artifact be removed.
    return absl::InvalidArgumentError(
        absl::StrCat("the reason ", Quote(reason), " is garbage collection's own; give another"));
  }
  const int changed =
      Execute(database, "UPDATE versions SET disposition = ?, reason = ? WHERE model = ? AND version = ?",
              std::string(DispositionName(disposition)), reason, model, version);
  if (changed == 0) return NoSuchVersion(model, version);
  // It is not collected any more, and only of collected versions may artifacts be missing.
  Execute(database,
          "UPDATE artifacts SET removed_at_ns = NULL WHERE removed_at_ns IS NOT NULL AND sha256 IN "
          "(SELECT sha256 FROM versions WHERE model = ?1 AND version = ?2 UNION "
          "SELECT sha256 FROM version_files WHERE model = ?1 AND version = ?2)",
          model, version);
  return absl::OkStatus();
}

absl::Status ReplaceLiveState(SQLite::Database& database, const std::string& model, const LiveState& state) {
  if (!Exists(database, "SELECT 1 FROM models WHERE name = ?", model)) {
    return absl::NotFoundError(absl::StrCat("model ", Quote(model), " is not registered"));
  }
  if (!state.pinned.empty() && !HasVersion(database, model, state.pinned)) {
    return NoSuchVersion(model, state.pinned);
  }
  Execute(database, "UPDATE models SET pinned = nullif(?, ''), pin_reason = ? WHERE name = ?", state.pinned,
          state.pin_reason, model);
  Execute(database, "DELETE FROM live_history WHERE model = ?", model);
  int64_t position = 0;
  for (const std::string& version : state.history) {
    if (!HasVersion(database, model, version)) return NoSuchVersion(model, version);
    Execute(database, "INSERT INTO live_history (model, position, version) VALUES (?, ?, ?)", model,
            position++, version);
  }
  return absl::OkStatus();
}

void ReplaceWatch(SQLite::Database& database, const std::string& model,
                  const std::optional<WatchRecord>& watch) {
  Execute(database, "DELETE FROM watches WHERE model = ?", model);
  if (!watch.has_value()) return;
  Execute(database,
          "INSERT INTO watches (model, version, previous, ends_at_ns, deaths) VALUES (?, ?, ?, ?, ?)", model,
          watch->version, watch->previous, ToSql(watch->ends_at), watch->deaths);
}

bool EndedCleanly(SQLite::Database& database) {
  SQLite::Statement row(database,
                        "SELECT action FROM events WHERE action IN (?, ?, ?) ORDER BY id DESC LIMIT 1");
  SQLite::bind(row, std::string(action::kStarted), std::string(action::kStopped), std::string(action::kDied));
  return !row.executeStep() || row.getColumn(0).getString() != action::kStarted;
}

void AddDeath(SQLite::Database& database, absl::Time now, const std::string& reason,
              const ConcernsFn& concerns) {
  std::vector<std::string> models;
  SQLite::Statement watched(
      database,
      "SELECT w.model, v.config FROM watches w JOIN versions v ON v.model = w.model AND "
      "v.version = w.version WHERE w.ends_at_ns > ?");
  SQLite::bind(watched, ToSql(now));
  while (watched.executeStep()) {
    std::string model = watched.getColumn(0).getString();
    if (concerns(model, watched.getColumn(1).getString())) models.push_back(std::move(model));
  }
  for (const std::string& model : models) {
    Execute(database, "UPDATE watches SET deaths = deaths + 1 WHERE model = ?", model);
  }
  EventRecord died;
  died.time = now;
  died.actor = "daemon";
  died.action = action::kDied;
  died.reason = reason;
  InsertEvent(database, died);
}

absl::Status ReplaceRouting(SQLite::Database& database, const std::string& model, const Routing& routing) {
  for (const std::string& version : RoutedVersions(routing)) {
    if (!HasVersion(database, model, version)) return NoSuchVersion(model, version);
  }
  Execute(database, "DELETE FROM labels WHERE model = ?", model);
  for (const auto& [label, version] : routing.labels) {
    Execute(database, "INSERT INTO labels (model, label, version) VALUES (?, ?, ?)", model, label, version);
  }
  Execute(database, "DELETE FROM traffic WHERE model = ?", model);
  const auto insert = [&](const char* kind, const std::string& version, double share) {
    if (version.empty()) return;
    Execute(database, "INSERT INTO traffic (model, kind, version, share) VALUES (?, ?, ?, ?)", model,
            std::string(kind), version, share);
  };
  insert("canary", routing.canary, routing.canary_share);
  insert("shadow", routing.shadow, routing.shadow_share);
  return absl::OkStatus();
}

absl::Status ReplaceProbe(SQLite::Database& database, const std::string& model, const std::string& version,
                          bool passed, int64_t resident_bytes, const std::string& report) {
  if (!HasVersion(database, model, version)) return NoSuchVersion(model, version);
  SQLite::Statement statement(database,
                              "INSERT OR REPLACE INTO probes (model, version, passed, resident_bytes, "
                              "report) VALUES (?, ?, ?, ?, ?)");
  SQLite::bind(statement, model, version, passed ? 1 : 0, resident_bytes);
  statement.bind(5, report.data(), static_cast<int>(report.size()));
  statement.exec();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> InsertRelease(SQLite::Database& database, const ReleaseRecord& release) {
  Execute(
      database,
      "UPDATE releases SET state = 'refused', reason = ?, since_ns = ? WHERE name = ? AND state = 'pending'",
      std::string(kReleaseReplaced), ToSql(release.since), release.name);
  Execute(database, "INSERT INTO releases (name, state, reason, since_ns) VALUES (?, ?, ?, ?)", release.name,
          std::string(ReleaseStateName(release.state)), release.reason, ToSql(release.since));
  const int64_t id = database.getLastInsertRowid();
  for (const auto& [model, version] : release.members) {
    if (!HasVersion(database, model, version)) return NoSuchVersion(model, version);
    Execute(database, "INSERT INTO release_members (release, model, version) VALUES (?, ?, ?)", id, model,
            version);
  }
  return id;
}

absl::Status UpdateRelease(SQLite::Database& database, int64_t id, ReleaseState state,
                           const std::string& reason, absl::Time since) {
  const int changed =
      Execute(database, "UPDATE releases SET state = ?, reason = ?, since_ns = ? WHERE id = ?",
              std::string(ReleaseStateName(state)), reason, ToSql(since), id);
  if (changed == 0) return absl::NotFoundError(absl::StrCat("there is no release ", id));
  if (state == ReleaseState::kLive) {
    Execute(database,
            "DELETE FROM held_versions WHERE (model, version) IN "
            "(SELECT model, version FROM release_members WHERE release = ?)",
            id);
  }
  return absl::OkStatus();
}

void ReplaceFile(SQLite::Database& database, const FileRecord& file) {
  Execute(
      database,
      "INSERT OR REPLACE INTO files (path, size, mtime_ns, ctime_ns, inode, device, sidecar_size, "
      "sidecar_mtime_ns, sidecar_ctime_ns, sidecar_inode, sidecar_device, outcome, sha256, model, version, "
      "reason, since_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      file.path, file.identity.size, file.identity.mtime_ns, file.identity.ctime_ns,
      ToSql(file.identity.inode), ToSql(file.identity.device), file.sidecar.size, file.sidecar.mtime_ns,
      file.sidecar.ctime_ns, ToSql(file.sidecar.inode), ToSql(file.sidecar.device),
      std::string(FileOutcomeName(file.outcome)), file.sha256, file.model, file.version, file.reason,
      ToSql(file.since));
}

void DeleteFile(SQLite::Database& database, const std::string& path) {
  Execute(database, "DELETE FROM files WHERE path = ?", path);
}

void InsertEvent(SQLite::Database& database, const EventRecord& event) {
  Execute(database,
          "INSERT INTO events (time_ns, actor, action, model, version, from_version, to_version, reason, "
          "evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          ToSql(event.time), event.actor, event.action, event.model, event.version, event.from_version,
          event.to_version, event.reason, event.evidence);
}

}  // namespace modeld
