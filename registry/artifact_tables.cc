#include "registry/artifact_tables.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "SQLiteCpp/Column.h"
#include "SQLiteCpp/Statement.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

// Every artifact that a version needs which is not collected; ?1 is kCollectedReason.
constexpr char kUses[] =
    "SELECT v.sha256 AS sha256, v.model AS model, v.version AS version, '' AS file, v.disposition AS "
    "disposition FROM versions v WHERE NOT (v.disposition = 'retired' AND v.reason = ?1) "
    "UNION ALL SELECT f.sha256, f.model, f.version, f.name, v.disposition FROM version_files f "
    "JOIN versions v ON v.model = f.model AND v.version = f.version "
    "WHERE NOT (v.disposition = 'retired' AND v.reason = ?1)";

}  // namespace

absl::StatusOr<std::vector<ArtifactRecord>> ReadArtifacts(SQLite::Database& database) {
  std::vector<ArtifactRecord> artifacts;
  std::unordered_map<std::string, size_t> index;
  SQLite::Statement row(
      database, "SELECT sha256, size_bytes, removed_at_ns IS NOT NULL FROM artifacts ORDER BY sha256");
  while (row.executeStep()) {
    index.emplace(row.getColumn(0).getString(), artifacts.size());
    artifacts.push_back({.sha256 = row.getColumn(0).getString(),
                         .size_bytes = row.getColumn(1).getInt64(),
                         .removed = row.getColumn(2).getInt() != 0,
                         .uses = {}});
  }
  SQLite::Statement use(database, absl::StrCat(kUses, " ORDER BY model, version, file"));
  use.bind(1, kCollectedReason);
  while (use.executeStep()) {
    const std::string disposition = use.getColumn(4).getString();
    const std::optional<Disposition> known = DispositionFromName(disposition);
    if (!known) {
      return absl::InternalError(absl::StrCat("the registry holds the unknown disposition ",
                                              Quote(disposition), "; run the modeld that wrote it"));
    }
    artifacts[index.at(use.getColumn(0).getString())].uses.push_back({.model = use.getColumn(1).getString(),
                                                                      .version = use.getColumn(2).getString(),
                                                                      .file = use.getColumn(3).getString(),
                                                                      .disposition = *known});
  }
  return artifacts;
}

bool NeedsArtifact(SQLite::Database& database, const std::string& sha256) {
  // Not kUses, which would read all of them.
  SQLite::Statement row(
      database,
      "SELECT 1 FROM versions v WHERE v.sha256 = ?2 AND NOT (v.disposition = 'retired' AND v.reason = ?1) "
      "UNION ALL SELECT 1 FROM version_files f JOIN versions v ON v.model = f.model AND v.version = "
      "f.version WHERE f.sha256 = ?2 AND NOT (v.disposition = 'retired' AND v.reason = ?1) LIMIT 1");
  row.bind(1, kCollectedReason);
  row.bind(2, sha256);
  return row.executeStep();
}

std::vector<std::string> PendingReleasesOf(SQLite::Database& database, const std::string& model,
                                           const std::string& version) {
  SQLite::Statement row(database,
                        "SELECT r.name FROM release_members m JOIN releases r ON r.id = m.release "
                        "WHERE m.model = ? AND m.version = ? AND r.state = 'pending' ORDER BY r.id");
  row.bind(1, model);
  row.bind(2, version);
  std::vector<std::string> names;
  while (row.executeStep()) names.push_back(row.getColumn(0).getString());
  return names;
}

void MarkCollected(SQLite::Database& database, const std::string& model, const std::string& version,
                   absl::Time when) {
  SQLite::Statement retire(
      database, "UPDATE versions SET disposition = 'retired', reason = ? WHERE model = ? AND version = ?");
  retire.bind(1, kCollectedReason);
  retire.bind(2, model);
  retire.bind(3, version);
  retire.exec();

  std::vector<std::string> artifacts;
  SQLite::Statement row(database,
                        "SELECT sha256 FROM versions WHERE model = ?1 AND version = ?2 UNION "
                        "SELECT sha256 FROM version_files WHERE model = ?1 AND version = ?2");
  row.bind(1, model);
  row.bind(2, version);
  while (row.executeStep()) artifacts.push_back(row.getColumn(0).getString());
  for (const std::string& sha256 : artifacts) {
    if (NeedsArtifact(database, sha256)) continue;
    SQLite::Statement mark(database, "UPDATE artifacts SET removed_at_ns = ? WHERE sha256 = ?");
    mark.bind(1, absl::ToUnixNanos(when));
    mark.bind(2, sha256);
    mark.exec();
  }
}

}  // namespace modeld
