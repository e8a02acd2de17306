#include "registry/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "registry/registry.h"
#include "registry/sqlite_status.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const int kCreate = SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;

// What migrations leave behind: every table, index and trigger as its SQL.
std::string Dump(SQLite::Database& database) {
  std::string dump;
  SQLite::Statement row(database, "SELECT name, sql FROM sqlite_schema ORDER BY name");
  while (row.executeStep()) dump += row.getColumn(0).getString() + ": " + row.getColumn(1).getString() + "\n";
  return dump;
}

// Three versions of a small schema; the third rebuilds a table to which another refers.
constexpr const char* kMigrations[] = {
    "CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE children (parent INTEGER NOT NULL REFERENCES parents (id)) STRICT;",
    "INSERT INTO parents VALUES (1), (2); INSERT INTO children VALUES (1);",
    "CREATE TABLE new_parents (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"
    "INSERT INTO new_parents SELECT id, 'number ' || id FROM parents;"
    "DROP TABLE parents; ALTER TABLE new_parents RENAME TO parents;",
};

TEST(MigrateSchemaTest, FromEveryVersionToTheLastGivesTheSame) {
  SQLite::Database at_once(":memory:", kCreate);
  ASSERT_OK(MigrateSchema(at_once, kMigrations));
  EXPECT_EQ(SchemaVersion(at_once), 3);
  EXPECT_EQ(at_once.execAndGet("SELECT name FROM parents WHERE id = 2").getString(), "number 2");
  for (size_t start = 0; start <= 3; ++start) {
    SQLite::Database database(":memory:", kCreate);
    ASSERT_OK(MigrateSchema(database, absl::MakeSpan(kMigrations).first(start)));
    EXPECT_EQ(SchemaVersion(database), static_cast<int>(start));
    ASSERT_OK(MigrateSchema(database, kMigrations));
    EXPECT_EQ(SchemaVersion(database), 3);
    EXPECT_EQ(Dump(database), Dump(at_once)) << "from version " << start;
  }
}

TEST(MigrateSchemaTest, AFailedMigrationLeavesTheVersionBeforeIt) {
  const char* const migrations[] = {kMigrations[0],
                                    "INSERT INTO parents VALUES (1); INSERT INTO absent VALUES (1);"};
  SQLite::Database database(":memory:", kCreate);
  EXPECT_THAT(MigrateSchema(database, migrations),
              StatusIs(absl::StatusCode::kInternal, AllOf(HasSubstr("cannot migrate the registry's schema"),
                                                          HasSubstr("no such table: absent"))));
  EXPECT_EQ(SchemaVersion(database), 1);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM parents").getInt(), 0);
}

TEST(MigrateSchemaTest, AMigrationThatBreaksAReferenceIsUndone) {
  const char* const migrations[] = {kMigrations[0], kMigrations[1], "DELETE FROM parents"};
  SQLite::Database database(":memory:", kCreate);
  EXPECT_THAT(MigrateSchema(database, migrations),
              StatusIs(absl::StatusCode::kInternal, AllOf(HasSubstr("children"), HasSubstr("parents"))));
  EXPECT_EQ(SchemaVersion(database), 2);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM parents").getInt(), 2);
}

class EarlierVersionTest : public testing::TestWithParam<int> {};

TEST_P(EarlierVersionTest, IsMigratedAtOpen) {
  const TempDir directory;
  const std::string path = directory / "registry.db";
  {
    SQLite::Database database(path, kCreate);
    ASSERT_OK(MigrateSchema(database, RegistryMigrations().first(GetParam())));
  }
  ASSERT_OK(Registry::Open(path));
  SQLite::Database migrated(path);
  SQLite::Database fresh(":memory:", kCreate);
  ASSERT_OK(MigrateSchema(fresh, RegistryMigrations()));
  EXPECT_EQ(SchemaVersion(migrated), RegistrySchemaVersion());
  EXPECT_EQ(Dump(migrated), Dump(fresh));
}

INSTANTIATE_TEST_SUITE_P(FromEmptyToThisBuild, EarlierVersionTest,
                         testing::Range(0, RegistrySchemaVersion() + 1));

TEST(SchemaTest, EveryTableIsStrict) {
  SQLite::Database database(":memory:", kCreate);
  ASSERT_OK(MigrateSchema(database, RegistryMigrations()));
  SQLite::Statement lax(
      database,
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND name NOT "
      "LIKE 'sqlite_%'");
  EXPECT_FALSE(lax.executeStep()) << lax.getColumn(0).getString();
  EXPECT_EQ(database.execAndGet("PRAGMA application_id").getInt(), kRegistryApplicationId);
}

// Events, with one row, and the statement that must not get through.
class AppendOnlyTest : public testing::TestWithParam<const char*> {};

TEST_P(AppendOnlyTest, EventsCannotBeRewritten) {
  SQLite::Database database(":memory:", kCreate);
  ASSERT_OK(MigrateSchema(database, RegistryMigrations()));
  database.exec(
      "INSERT INTO events VALUES (1, 5, 'ann', 'rollback', 'digits', '', '1.1', '1.0', 'slow', '')");
  EXPECT_THAT(CatchSqlite("rewrite history",
                          [&] {
                            database.exec(GetParam());
                            return absl::OkStatus();
                          }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("events are append-only")));
  EXPECT_EQ(database.execAndGet("SELECT group_concat(reason) FROM events").getString(), "slow");
}

INSTANTIATE_TEST_SUITE_P(
    All, AppendOnlyTest,
    testing::Values("UPDATE events SET reason = 'never happened'", "UPDATE events SET id = 7",
                    "DELETE FROM events", "DELETE FROM events WHERE id = 1",
                    "REPLACE INTO events VALUES (1, 5, 'ann', 'x', '', '', '', '', 'never happened', '')",
                    "INSERT INTO events VALUES (1, 5, 'ann', 'x', '', '', '', '', '', '') "
                    "ON CONFLICT DO UPDATE SET reason = 'never happened'"));

// A digest, for the rows below.
constexpr char kSha[] = "'0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'";

TEST(SchemaTest, RowsThatMakeNoSenseAreRefused) {
  SQLite::Database database(":memory:", kCreate);
  ASSERT_OK(MigrateSchema(database, RegistryMigrations()));
  database.exec("PRAGMA foreign_keys = ON");
  const std::string sha = kSha;
  database.exec("INSERT INTO models (name) VALUES ('digits')");
  database.exec("INSERT INTO artifacts VALUES (" + sha + ", 10, 'torchscript', NULL)");
  database.exec("INSERT INTO versions VALUES ('digits', '1.0', " + sha + ", 'good', '', '', '[]', 0, '{}')");
  const std::string bad_rows[] = {
      "INSERT INTO models (name) VALUES ('')",
      "UPDATE models SET pinned = '9.9'",
      "INSERT INTO artifacts VALUES ('beef', 10, 'torchscript', NULL)",
      "INSERT INTO artifacts VALUES (upper(" + sha + "), 10, 'torchscript', NULL)",
      "UPDATE artifacts SET size_bytes = -1",
      "UPDATE artifacts SET size_bytes = 'ten'",
      "INSERT INTO versions VALUES ('letters', '1.0', " + sha + ", 'good', '', '', '[]', 0, '{}')",
      "UPDATE versions SET disposition = 'fine'",
      "UPDATE versions SET warnings = '{}'",
      "UPDATE versions SET warnings = 'none'",
      "UPDATE versions SET sha256 = 'beef'",
      "DELETE FROM artifacts",
      "DELETE FROM models",
      "INSERT INTO live_history VALUES ('digits', 0, '9.9')",
      "INSERT INTO live_history VALUES ('digits', -1, '1.0')",
      "INSERT INTO events (time_ns, actor, action, model, version, from_version, to_version, reason) "
      "VALUES (0, 'ann', '', '', '', '', '', '')",
  };
  for (const std::string& sql : bad_rows) EXPECT_THROW(database.exec(sql), SQLite::Exception) << sql;
}

TEST(SchemaTest, EventsOfAModelAreFoundByIndex) {
  SQLite::Database database(":memory:", kCreate);
  ASSERT_OK(MigrateSchema(database, RegistryMigrations()));
  SQLite::Statement plan(database,
                         "EXPLAIN QUERY PLAN SELECT reason FROM events WHERE id < 7 AND model = 'digits' "
                         "ORDER BY id DESC LIMIT 5");
  ASSERT_TRUE(plan.executeStep());
  EXPECT_THAT(plan.getColumn(3).getString(), HasSubstr("events_by_model (model=? AND rowid<?)"));
  EXPECT_FALSE(plan.executeStep()) << "a second step sorts";
}

}  // namespace
}  // namespace modeld
