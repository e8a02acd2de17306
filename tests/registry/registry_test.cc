#include "registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "SQLiteCpp/VariadicBind.h"
#include "absl/strings/str_cat.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {

// Reaches the connection behind a registry.
class RegistryTestPeer {
 public:
  // No page more than the database has now: what SQLite sees of a full disk. 0: no limit again.
  static void SetDiskFull(Registry& registry, bool full) {
    MutexLock lock(&registry.mutex_);
    registry.database_->exec(full ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 1000000");
  }
  static void SetBusyTimeout(Registry& registry, int milliseconds) {
    MutexLock lock(&registry.mutex_);
    registry.database_->setBusyTimeout(milliseconds);
  }
  static std::string Pragma(Registry& registry, const std::string& name) {
    MutexLock lock(&registry.mutex_);
    return registry.database_->execAndGet("PRAGMA " + name).getString();
  }
};

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

auto IsEvent(const std::string& action) { return Field(&EventRecord::action, action); }

class RegistryTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    registry_.reset();
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(path_));
  }

  void Register(const std::string& model, const std::string& version) {
    ASSERT_OK(
        registry_->RegisterVersion(TestVersion(model, version), "{}", TestEvent(action::kRegistered, model)));
  }

  // Newest first.
  std::vector<std::string> Actions() {
    std::vector<std::string> actions;
    const std::vector<EventRecord> events = registry_->ListEvents({}).value();
    for (const EventRecord& event : events) actions.push_back(event.action);
    return actions;
  }

  ModelRecord OnlyModel() {
    const std::vector<ModelRecord> models = registry_->ListModels().value();
    return models.size() == 1 ? models[0] : ModelRecord();
  }

  const TempDir directory_;
  const std::string path_ = directory_ / "registry.db";
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, AnEmptyRegistryListsNothing) {
  EXPECT_THAT(registry_->ListModels().value(), IsEmpty());
  EXPECT_THAT(registry_->ListFiles().value(), IsEmpty());
  EXPECT_THAT(registry_->ListEvents({}).value(), IsEmpty());
}

TEST_F(RegistryTest, CommitsAreDurableAndReferencesEnforced) {
  EXPECT_EQ(RegistryTestPeer::Pragma(*registry_, "journal_mode"), "wal");
  EXPECT_EQ(RegistryTestPeer::Pragma(*registry_, "synchronous"), "2");  // FULL
  EXPECT_EQ(RegistryTestPeer::Pragma(*registry_, "foreign_keys"), "1");
}

TEST_F(RegistryTest, AVersionComesBackAsItWasRegistered) {
  VersionRecord version = TestVersion("digits", "1.0-rc.1");
  version.sha256 = absl::StrCat(std::string(62, '0'), "ef");
  version.size_bytes = std::numeric_limits<int64_t>::max();
  version.format = ArtifactFormat::kOnnx;
  version.disposition = Disposition::kQuarantined;
  version.reason = "golden sample 0 differs";
  version.description = "handwritten \"digits\" — große Ziffern";
  version.warnings = {"unknown key \"verison\"", "line\nbreak", ""};
  ASSERT_OK(registry_->RegisterVersion(version, R"({"version":"1.0-rc.1"})", TestEvent(action::kRegistered)));
  Reopen();
  const ModelRecord model = OnlyModel();
  EXPECT_EQ(model.name, "digits");
  EXPECT_EQ(model.live, LiveState());
  ASSERT_THAT(model.versions, SizeIs(1));
  const VersionRecord& read = model.versions[0];
  EXPECT_EQ(read.model, version.model);
  EXPECT_EQ(read.version, version.version);
  EXPECT_EQ(read.sha256, version.sha256);
  EXPECT_EQ(read.size_bytes, version.size_bytes);
  EXPECT_EQ(read.format, version.format);
  EXPECT_EQ(read.disposition, version.disposition);
  EXPECT_EQ(read.reason, version.reason);
  EXPECT_EQ(read.description, version.description);
  EXPECT_EQ(read.warnings, version.warnings);
  EXPECT_EQ(read.registered_at, version.registered_at);
  EXPECT_EQ(registry_->ConfigOf("digits", "1.0-rc.1").value(), R"({"version":"1.0-rc.1"})");
}

TEST_F(RegistryTest, ModelsComeByNameAndVersionsLowestFirst) {
  for (const char* version : {"1.10", "1.9", "1.10-rc.1", "2"}) Register("letters", version);
  Register("digits", "1.0");
  const std::vector<ModelRecord> models = registry_->ListModels().value();
  ASSERT_THAT(models, ElementsAre(Field(&ModelRecord::name, "digits"), Field(&ModelRecord::name, "letters")));
  EXPECT_THAT(models[1].versions,
              ElementsAre(Field(&VersionRecord::version, "1.9"), Field(&VersionRecord::version, "1.10-rc.1"),
                          Field(&VersionRecord::version, "1.10"), Field(&VersionRecord::version, "2")));
}

TEST_F(RegistryTest, AVersionIsRegisteredOnce) {
  Register("digits", "1.0");
  VersionRecord other = TestVersion("digits", "1.0");
  other.sha256 = std::string(64, 'b');
  EXPECT_THAT(
      registry_->RegisterVersion(other, "{}", TestEvent("conflict")),
      StatusIs(absl::StatusCode::kAlreadyExists, AllOf(HasSubstr("\"digits\""), HasSubstr("\"1.0\""))));
  EXPECT_EQ(OnlyModel().versions[0].sha256, std::string(64, 'a'));
  EXPECT_THAT(Actions(), ElementsAre(action::kRegistered));
}

TEST_F(RegistryTest, TwoVersionsMayShareAnArtifact) {
  Register("digits", "1.0");
  Register("digits", "1.1");
  Register("letters", "1.0");
  EXPECT_THAT(registry_->ListModels().value(), SizeIs(2));
}

TEST_F(RegistryTest, AnUnknownVersionHasNoConfig) {
  Register("digits", "1.0");
  EXPECT_THAT(registry_->ConfigOf("digits", "1.1"),
              StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("\"digits\""), HasSubstr("\"1.1\""))));
}

TEST_F(RegistryTest, DispositionsChangeWithTheirReason) {
  Register("digits", "1.0");
  ASSERT_OK(registry_->SetDisposition("digits", "1.0", Disposition::kQuarantined, "crashed the probe",
                                      TestEvent(action::kQuarantined)));
  EXPECT_EQ(OnlyModel().versions[0].disposition, Disposition::kQuarantined);
  EXPECT_EQ(OnlyModel().versions[0].reason, "crashed the probe");
  ASSERT_OK(
      registry_->SetDisposition("digits", "1.0", Disposition::kGood, "", TestEvent(action::kReinstated)));
  EXPECT_EQ(OnlyModel().versions[0].disposition, Disposition::kGood);
  EXPECT_EQ(OnlyModel().versions[0].reason, "");
  EXPECT_THAT(Actions(), ElementsAre(action::kReinstated, action::kQuarantined, action::kRegistered));
}

TEST_F(RegistryTest, TheDispositionOfAnUnknownVersionIsNotSet) {
  Register("digits", "1.0");
  EXPECT_THAT(
      registry_->SetDisposition("digits", "1.1", Disposition::kRetired, "", TestEvent(action::kRetire)),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"1.1\"")));
  EXPECT_THAT(Actions(), ElementsAre(action::kRegistered));
}

TEST_F(RegistryTest, LiveStatesReplaceEachOther) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Register("digits", version);
  const LiveState states[] = {
      {.history = {"1.0", "1.1", "1.0", "1.2"}, .pinned = "1.2", .pin_reason = "hold \"it\""},
      {.history = {"1.0"}, .pinned = "1.1", .pin_reason = ""},
      {.history = {}, .pinned = "", .pin_reason = ""},
  };
  for (const LiveState& state : states) {
    ASSERT_OK(registry_->SetLiveState("digits", state, TestEvent(action::kRollback)));
    Reopen();
    EXPECT_EQ(OnlyModel().live, state);
  }
}

TEST_F(RegistryTest, LiveStatesOfModelsAreApart) {
  Register("digits", "1.0");
  Register("letters", "1.0");
  ASSERT_OK(registry_->SetLiveState("digits", {.history = {"1.0"}, .pinned = "1.0", .pin_reason = "x"},
                                    TestEvent(action::kPin)));
  ASSERT_OK(registry_->SetLiveState("letters", {}, TestEvent(action::kUnpin, "letters")));
  EXPECT_EQ(LiveVersion(registry_->ListModels().value()[0].live), "1.0");
}

TEST_F(RegistryTest, ALiveStateThatNamesTheUnknownChangesNothing) {
  Register("digits", "1.0");
  const LiveState good = {.history = {"1.0"}, .pinned = "1.0", .pin_reason = "held"};
  ASSERT_OK(registry_->SetLiveState("digits", good, TestEvent(action::kPin)));
  const LiveState bad_states[] = {
      {.history = {"1.0", "9.9"}, .pinned = "", .pin_reason = ""},
      {.history = {"9.9", "1.0"}, .pinned = "", .pin_reason = ""},
      {.history = {"1.0"}, .pinned = "9.9", .pin_reason = ""},
  };
  for (const LiveState& bad : bad_states) {
    EXPECT_THAT(registry_->SetLiveState("digits", bad, TestEvent(action::kPublished)),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("version \"9.9\" of model \"digits\"")));
  }
  EXPECT_THAT(registry_->SetLiveState("letters", good, TestEvent(action::kPublished)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("model \"letters\"")));
  EXPECT_EQ(OnlyModel().live, good);
  EXPECT_THAT(Actions(), ElementsAre(action::kPin, action::kRegistered));
}

TEST_F(RegistryTest, AFileComesBackAsItWasRecorded) {
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
  FileRecord file;
  file.path = "digits/\xff\xfe not UTF-8.pt";
  file.identity = {.size = 1, .mtime_ns = -2, .ctime_ns = 3, .inode = kHuge, .device = kHuge - 1};
  file.sidecar = {.size = 6, .mtime_ns = 7, .ctime_ns = 8, .inode = uint64_t{1} << 63, .device = 10};
  file.outcome = FileOutcome::kQuarantined;
  file.sha256 = std::string(64, 'c');
  file.model = "digits";
  file.version = "1.1";
  file.reason = "conflict";
  file.since = TestTime();
  ASSERT_OK(registry_->RecordFile(file, TestEvent(action::kQuarantined)));
  Reopen();
  const std::vector<FileRecord> files = registry_->ListFiles().value();
  ASSERT_THAT(files, SizeIs(1));
  EXPECT_EQ(files[0].path, file.path);
  EXPECT_EQ(files[0].identity, file.identity);
  EXPECT_EQ(files[0].sidecar, file.sidecar);
  EXPECT_EQ(files[0].outcome, file.outcome);
  EXPECT_EQ(files[0].sha256, file.sha256);
  EXPECT_EQ(files[0].model, file.model);
  EXPECT_EQ(files[0].version, file.version);
  EXPECT_EQ(files[0].reason, file.reason);
  EXPECT_EQ(files[0].since, file.since);
}

TEST_F(RegistryTest, AFileIsReplacedAndForgotten) {
  FileRecord file;
  file.path = "digits.pt";
  ASSERT_OK(registry_->RecordFile(file, std::nullopt));
  file.identity.size = 5;
  ASSERT_OK(registry_->RecordFile(file, std::nullopt));
  file.path = "a.pt";
  ASSERT_OK(registry_->RecordFile(file, std::nullopt));
  EXPECT_THAT(registry_->ListFiles().value(),
              ElementsAre(Field(&FileRecord::path, "a.pt"), Field(&FileRecord::path, "digits.pt")));
  EXPECT_EQ(registry_->ListFiles().value()[1].identity.size, 5);
  ASSERT_OK(registry_->ForgetFiles({"digits.pt", "never seen.pt"}));
  EXPECT_THAT(registry_->ListFiles().value(), ElementsAre(Field(&FileRecord::path, "a.pt")));
  EXPECT_THAT(Actions(), IsEmpty());
}

TEST_F(RegistryTest, AnEventComesBackAsItWasRecorded) {
  EventRecord event;
  event.time = TestTime();
  event.actor = "ann@host";
  event.action = action::kRollback;
  event.model = "digits";
  event.version = "1.0";
  event.from_version = "1.1";
  event.to_version = "1.0";
  event.reason = "it's 'slow'; DROP TABLE events";
  ASSERT_OK(registry_->RecordEvent(event));
  const std::vector<EventRecord> events = registry_->ListEvents({}).value();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_GT(events[0].id, 0);
  EXPECT_EQ(events[0].time, event.time);
  EXPECT_EQ(events[0].actor, event.actor);
  EXPECT_EQ(events[0].action, event.action);
  EXPECT_EQ(events[0].model, event.model);
  EXPECT_EQ(events[0].version, event.version);
  EXPECT_EQ(events[0].from_version, event.from_version);
  EXPECT_EQ(events[0].to_version, event.to_version);
  EXPECT_EQ(events[0].reason, event.reason);
}

TEST_F(RegistryTest, EventsAreListedInPagesNewestFirst) {
  for (int i = 1; i <= 5; ++i) {
    ASSERT_OK(registry_->RecordEvent(TestEvent(absl::StrCat("d", i), "digits")));
    ASSERT_OK(registry_->RecordEvent(TestEvent(absl::StrCat("l", i), "letters")));
  }
  EXPECT_THAT(registry_->ListEvents({.model = "", .before_id = 0, .limit = 3}).value(),
              ElementsAre(IsEvent("l5"), IsEvent("d5"), IsEvent("l4")));
  const std::vector<EventRecord> first = registry_->ListEvents({.model = "digits", .limit = 2}).value();
  ASSERT_THAT(first, ElementsAre(IsEvent("d5"), IsEvent("d4")));
  const std::vector<EventRecord> rest =
      registry_->ListEvents({.model = "digits", .before_id = first.back().id, .limit = 100}).value();
  EXPECT_THAT(rest, ElementsAre(IsEvent("d3"), IsEvent("d2"), IsEvent("d1")));
  EXPECT_THAT(registry_->ListEvents({.model = "faces"}).value(), IsEmpty());
  EXPECT_THAT(registry_->ListEvents({.model = "", .before_id = 0, .limit = 0}).value(), IsEmpty());
  EXPECT_THAT(registry_->ListEvents({.model = "", .before_id = 0, .limit = -1}).value(), IsEmpty());
}

TEST_F(RegistryTest, AFullDiskIsSaidAndLeavesNoHalfOfAChange) {
  Register("digits", "1.0");
  RegistryTestPeer::SetDiskFull(*registry_, true);
  VersionRecord large = TestVersion("digits", "1.1");
  large.description = std::string(1 << 20, 'x');
  EXPECT_THAT(registry_->RegisterVersion(large, "{}", TestEvent(action::kRegistered)),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("cannot register version \"1.1\" of model \"digits\""),
                             HasSubstr("full"), HasSubstr("SQLite code 13"), HasSubstr("free some space"))));
  EXPECT_THAT(OnlyModel().versions, SizeIs(1));
  EXPECT_THAT(Actions(), SizeIs(1));
  RegistryTestPeer::SetDiskFull(*registry_, false);
  ASSERT_OK(registry_->RegisterVersion(large, "{}", TestEvent(action::kRegistered)));
}

// The change itself fits, its event does not: both must be missing.
TEST_F(RegistryTest, AChangeWhoseEventFailsIsUndone) {
  Register("digits", "1.0");
  const LiveState live = {.history = {"1.0"}, .pinned = "", .pin_reason = ""};
  const std::vector<EventRecord> before = registry_->ListEvents({}).value();
  EventRecord nameless = TestEvent("");
  FileRecord file;
  file.path = "digits.pt";
  EXPECT_THAT(registry_->SetLiveState("digits", live, nameless),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("CHECK constraint failed")));
  EXPECT_FALSE(registry_->SetDisposition("digits", "1.0", Disposition::kRetired, "", nameless).ok());
  EXPECT_FALSE(registry_->RegisterVersion(TestVersion("letters", "1.0"), "{}", nameless).ok());
  EXPECT_FALSE(registry_->RecordFile(file, nameless).ok());
  EXPECT_EQ(OnlyModel().live, LiveState());
  EXPECT_EQ(OnlyModel().versions[0].disposition, Disposition::kGood);
  EXPECT_THAT(registry_->ListFiles().value(), IsEmpty());
  EXPECT_THAT(Actions(), SizeIs(before.size()));
  ASSERT_OK(registry_->SetLiveState("digits", live, TestEvent(action::kPublished)));
}

TEST_F(RegistryTest, ALockHeldElsewhereIsSaid) {
  SQLite::Database other(path_, SQLite::OPEN_READWRITE);
  SQLite::Transaction held(other, SQLite::TransactionBehavior::IMMEDIATE);
  RegistryTestPeer::SetBusyTimeout(*registry_, 0);
  EXPECT_THAT(
      registry_->RecordEvent(TestEvent(action::kStarted)),
      StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("locked"), HasSubstr("another process"))));
  EXPECT_OK(registry_->ListModels()) << "reading goes on meanwhile";
}

TEST_F(RegistryTest, ThreadsMayShareIt) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_OK(registry_->RegisterVersion(TestVersion("digits", absl::StrCat(thread, ".", i)), "{}",
                                             TestEvent(action::kRegistered)));
        EXPECT_OK(registry_->ListModels());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(OnlyModel().versions, SizeIs(80));
  EXPECT_THAT(registry_->ListEvents({}).value(), SizeIs(80));
}

TEST_F(RegistryTest, ThousandsOfVersionsAreListedInOrder) {
  registry_.reset();
  constexpr int kModels = 20;
  constexpr int kVersions = 500;
  {
    // One transaction: 10,000 synced ones would take minutes.
    SQLite::Database database(path_, SQLite::OPEN_READWRITE);
    SQLite::Transaction transaction(database);
    database.exec("INSERT INTO artifacts VALUES ('" + std::string(64, 'a') + "', 4096, 'torchscript', NULL)");
    SQLite::Statement model(database, "INSERT INTO models (name) VALUES ('m' || ?)");
    SQLite::Statement version(
        database,
        "INSERT INTO versions SELECT 'm' || ?1, '1.' || ?2, sha256, 'good', '', '', '[]', 0, "
        "'{\"text\":\"' || hex(zeroblob(500)) || '\"}' FROM artifacts");
    for (int m = 0; m < kModels; ++m) {
      SQLite::bind(model, m);
      model.exec();
      model.reset();
      for (int v = kVersions; v > 0; --v) {
        SQLite::bind(version, m, v);
        version.exec();
        version.reset();
      }
    }
    transaction.commit();
  }
  Reopen();
  const std::vector<ModelRecord> models = registry_->ListModels().value();
  ASSERT_THAT(models, SizeIs(kModels));
  for (const ModelRecord& model : models) {
    ASSERT_THAT(model.versions, SizeIs(kVersions));
    for (int v = 0; v < kVersions; ++v) ASSERT_EQ(model.versions[v].version, absl::StrCat("1.", v + 1));
  }
}

}  // namespace
}  // namespace modeld
