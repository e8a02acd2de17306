// Opening of databases in every state that a disk, a crash or a person may leave them in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/strings/str_cat.h"
#include "registry/registry.h"
#include "registry/schema.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class RegistryOpenTest : public testing::Test {
 protected:
  // A closed registry with enough in it that its file has many pages.
  void MakeRegistry() {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> registry, Registry::Open(path_));
    VersionRecord version = TestVersion("digits", "1.0");
    version.description = std::string(100'000, 'x');
    ASSERT_OK(registry->RegisterVersion(version, "{}", TestEvent(action::kRegistered)));
  }

  void Execute(const std::string& sql) {
    SQLite::Database database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec(sql);
  }

  // The file as it would look after a crash: the database, with its WAL not yet written back. `work` runs
  // while the database is open.
  template <typename Work>
  void CrashAfter(Work&& work) {
    const std::string alive = directory_ / "alive.db";
    if (std::filesystem::exists(path_)) std::filesystem::rename(path_, alive);
    work(alive, [&] {
      std::filesystem::copy_file(alive, path_);
      std::filesystem::copy_file(alive + "-wal", path_ + "-wal");
    });
    std::filesystem::remove(alive);
  }

  // Neither mode opens the file, both say `message`, and not a byte of it changes.
  void ExpectRefused(const ::testing::Matcher<std::string>& message) {
    const std::string bytes = ReadBytes(path_);
    const std::string wal_bytes = ReadBytes(path_ + "-wal");
    for (const Registry::Mode mode : {Registry::Mode::kReadWrite, Registry::Mode::kReadOnly}) {
      EXPECT_THAT(Registry::Open(path_, mode),
                  StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr(path_), message)));
    }
    EXPECT_TRUE(ReadBytes(path_) == bytes) << "the file was changed";
    EXPECT_TRUE(ReadBytes(path_ + "-wal") == wal_bytes) << "its WAL was changed";
  }

  const TempDir directory_;
  const std::string path_ = directory_ / "registry.db";
};

TEST_F(RegistryOpenTest, AMissingFileIsMadeForItsOwnerAlone) {
  const mode_t before = ::umask(0);
  const auto registry = Registry::Open(path_);
  ::umask(before);
  ASSERT_OK(registry);
  ASSERT_OK((*registry)->RecordEvent(TestEvent(action::kStarted)));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat stat = {};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &stat), 0) << suffix;
    EXPECT_EQ(stat.st_mode & 07777, 0600u) << suffix;
  }
}

TEST_F(RegistryOpenTest, AMissingDirectoryIsSaid) {
  EXPECT_THAT(Registry::Open(directory_ / "missing/registry.db"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing/registry.db")));
}

TEST_F(RegistryOpenTest, ADirectoryIsRefused) {
  EXPECT_THAT(Registry::Open(directory_.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
}

TEST_F(RegistryOpenTest, AFileOfNoBytesIsNew) {
  directory_.Write("registry.db", "");
  ASSERT_OK_AND_ASSIGN(const auto registry, Registry::Open(path_));
  EXPECT_THAT(registry->ListModels().value(), IsEmpty());
}

TEST_F(RegistryOpenTest, ACreationThatWasCutShortIsTakenUp) {
  Execute("PRAGMA journal_mode = WAL");
  ASSERT_GT(std::filesystem::file_size(path_), 0u);
  ASSERT_OK_AND_ASSIGN(const auto registry, Registry::Open(path_));
  EXPECT_OK(registry->RecordEvent(TestEvent(action::kStarted)));
}

TEST_F(RegistryOpenTest, ATextFileIsRefused) {
  directory_.Write("registry.db", "name,version\ndigits,1.0\n");
  ExpectRefused(AllOf(HasSubstr("is not an SQLite database"), HasSubstr("move it away")));
}

TEST_F(RegistryOpenTest, ALargeFileOfSomethingElseIsRefused) {
  directory_.Write("registry.db", std::string(100'000, 'x'));
  ExpectRefused(HasSubstr("is not an SQLite database"));
}

TEST_F(RegistryOpenTest, ADatabaseOfAnotherProgramIsRefused) {
  Execute("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('here')");
  ExpectRefused(AllOf(HasSubstr("another program"), HasSubstr("choose another path")));
}

// It counted as newer than every migration, and the daemon started without tables.
TEST_F(RegistryOpenTest, ASchemaVersionBelowTheFirstIsRefused) {
  Execute(absl::StrCat("PRAGMA application_id = ", kRegistryApplicationId, "; PRAGMA user_version = -1"));
  ExpectRefused(AllOf(HasSubstr("impossible schema version -1"), HasSubstr("move it away")));
}

TEST_F(RegistryOpenTest, AnEmptyDatabaseThatAnotherProgramClaimedIsRefused) {
  Execute("PRAGMA application_id = 77");
  ExpectRefused(HasSubstr("another program"));
}

TEST_F(RegistryOpenTest, ADatabaseOfAnotherProgramKeepsItsWal) {
  CrashAfter([&](const std::string& alive, auto crash) {
    SQLite::Database database(alive, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("CREATE TABLE bookmarks (url TEXT)");
    crash();
  });
  ASSERT_GT(std::filesystem::file_size(path_ + "-wal"), 0u);
  ExpectRefused(HasSubstr("another program"));
}

TEST_F(RegistryOpenTest, ANewerSchemaIsRefused) {
  MakeRegistry();
  Execute(absl::StrCat("PRAGMA user_version = ", RegistrySchemaVersion() + 1));
  ExpectRefused(AllOf(HasSubstr(absl::StrCat("schema version ", RegistrySchemaVersion() + 1)),
                      HasSubstr("run the newer modeld"), HasSubstr("backup made before the upgrade")));
}

TEST_F(RegistryOpenTest, ANewerSchemaThatOnlyTheWalKnowsIsRefused) {
  MakeRegistry();
  CrashAfter([&](const std::string& alive, auto crash) {
    SQLite::Database database(alive, SQLite::OPEN_READWRITE);
    database.exec(absl::StrCat("PRAGMA user_version = ", RegistrySchemaVersion() + 1));
    crash();
  });
  ExpectRefused(HasSubstr("run the newer modeld"));
}

TEST_F(RegistryOpenTest, ADamagedPageOfAnyTableIsRefused) {
  for (const std::string table : {"models", "artifacts", "versions", "live_history", "files", "events"}) {
    SCOPED_TRACE(table);
    std::filesystem::remove(path_);
    MakeRegistry();
    int page_size = 0;
    int page = 0;  // counted from 1
    {
      SQLite::Database database(path_);
      page_size = database.execAndGet("PRAGMA page_size").getInt();
      page = database.execAndGet("SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'").getInt();
    }
    std::fstream(path_, std::ios::binary | std::ios::in | std::ios::out).seekp((page - 1) * page_size)
        << std::string(page_size, '\xff');
    ExpectRefused(AllOf(HasSubstr("is damaged"), HasSubstr("restore it from a backup")));
  }
}

TEST_F(RegistryOpenTest, ATruncatedDatabaseIsRefused) {
  MakeRegistry();
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  ExpectRefused(AllOf(HasSubstr("is damaged"), HasSubstr("restore it from a backup")));
}

TEST_F(RegistryOpenTest, RowsThatReferToNothingAreRefused) {
  MakeRegistry();
  Execute("DELETE FROM models");
  ExpectRefused(AllOf(HasSubstr("is damaged"), HasSubstr("versions"), HasSubstr("models")));
}

TEST_F(RegistryOpenTest, EveryCommittedChangeSurvivesACrash) {
  CrashAfter([&](const std::string& alive, auto crash) {
    ASSERT_OK_AND_ASSIGN(const auto registry, Registry::Open(alive));
    for (const char* version : {"1.0", "1.1"}) {
      ASSERT_OK(
          registry->RegisterVersion(TestVersion("digits", version), "{}", TestEvent(action::kRegistered)));
    }
    ASSERT_OK(registry->SetLiveState("digits",
                                     {.history = {"1.1", "1.0"}, .pinned = "1.0", .pin_reason = "slow"},
                                     TestEvent(action::kRollback)));
    crash();
  });
  ASSERT_GT(std::filesystem::file_size(path_ + "-wal"), 0u);
  for (const Registry::Mode mode : {Registry::Mode::kReadOnly, Registry::Mode::kReadWrite}) {
    ASSERT_OK_AND_ASSIGN(const auto registry, Registry::Open(path_, mode));
    const std::vector<ModelRecord> models = registry->ListModels().value();
    ASSERT_THAT(models, SizeIs(1));
    EXPECT_EQ(models[0].live.pinned, "1.0");
    EXPECT_THAT(models[0].versions, SizeIs(2));
    EXPECT_THAT(registry->ListEvents({}).value(), SizeIs(3));
  }
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal")) << "a clean close writes the WAL back";
}

TEST_F(RegistryOpenTest, ReadOnlyNeverMakesAFile) {
  EXPECT_THAT(Registry::Open(path_, Registry::Mode::kReadOnly),
              StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr(path_), HasSubstr("start modeld once"))));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(RegistryOpenTest, ReadOnlyNeverMigrates) {
  directory_.Write("registry.db", "");
  EXPECT_THAT(Registry::Open(path_, Registry::Mode::kReadOnly),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("schema version 0"), HasSubstr("start modeld once"))));
  EXPECT_EQ(std::filesystem::file_size(path_), 0u);
}

TEST_F(RegistryOpenTest, ReadOnlyReadsAndDoesNotWrite) {
  MakeRegistry();
  ASSERT_OK_AND_ASSIGN(const auto registry, Registry::Open(path_, Registry::Mode::kReadOnly));
  EXPECT_THAT(registry->ListModels().value(), SizeIs(1));
  EXPECT_THAT(registry->RecordEvent(TestEvent(action::kStarted)),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("readonly")));
  EXPECT_THAT(registry->ListEvents({}).value(), SizeIs(1));
}

TEST_F(RegistryOpenTest, ReadOnlyReadsBesideTheWriter) {
  ASSERT_OK_AND_ASSIGN(const auto writer, Registry::Open(path_));
  ASSERT_OK_AND_ASSIGN(const auto reader, Registry::Open(path_, Registry::Mode::kReadOnly));
  ASSERT_OK(writer->RecordEvent(TestEvent(action::kStarted)));
  EXPECT_THAT(reader->ListEvents({}).value(), SizeIs(1));
}

}  // namespace
}  // namespace modeld
