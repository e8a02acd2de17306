// Every write and sync of every change, failing one after the other: the change is there whole, or not at
// all.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "SQLiteCpp/Database.h"
#include "SQLiteCpp/Statement.h"
#include "absl/strings/str_cat.h"
#include "registry/registry.h"
#include "tests/support/faulty_sqlite.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::AnyOf;

struct Change {
  std::string name;
  std::function<absl::Status(Registry&)> make;
};

// Long enough to take pages of its own.
std::string Long() { return std::string(20'000, 'x'); }

std::vector<Change> Changes() {
  const EventRecord event = TestEvent("changed");
  return {
      {"RegisterVersion",
       [event](Registry& registry) {
         VersionRecord version = TestVersion("digits", "2.0");
         version.sha256 = std::string(64, 'c');
         version.description = Long();
         return registry.RegisterVersion(
             version, "{}", event, {{.name = "golden/0", .sha256 = std::string(64, 'd'), .size_bytes = 1}});
       }},
      {"SetDisposition",
       [event](Registry& registry) {
         return registry.SetDisposition("digits", "1.0", Disposition::kQuarantined, Long(), event);
       }},
      {"SetLiveState",
       [event](Registry& registry) {
         return registry.SetLiveState(
             "digits", {.history = {"1.0", "1.1"}, .pinned = "1.1", .pin_reason = Long()}, event);
       }},
      {"SetLiveStates",
       [event](Registry& registry) {
         return registry.SetLiveStates({{.model = "digits",
                                         .state = {.history = {"1.1"}, .pinned = "", .pin_reason = ""},
                                         .event = event},
                                        {.model = "letters",
                                         .state = {.history = {"1.0"}, .pinned = "1.0", .pin_reason = Long()},
                                         .event = event}});
       }},
      {"SetRouting",
       [event](Registry& registry) {
         Routing routing;
         routing.labels = {{"stable", "1.0"}, {"next", "1.1"}};
         routing.canary = "1.1";
         routing.canary_share = 0.1;
         return registry.SetRouting("digits", routing, event);
       }},
      {"RecordProbe",
       [event](Registry& registry) {
         v1::ProbeReport report;
         report.set_outcome(v1::PROBE_OUTCOME_PASSED);
         return registry.RecordProbe("digits", "1.0", report, event);
       }},
      {"AddRelease",
       [event](Registry& registry) {
         ReleaseRecord release;
         release.name = "second";
         release.members = {{"digits", "1.1"}, {"letters", "1.0"}};
         release.since = TestTime();
         return registry.AddRelease(release, {}, {event}).status();
       }},
      {"EndRelease",
       [event](Registry& registry) {
         return registry.EndRelease(1, ReleaseState::kLive, "",
                                    {{.model = "digits",
                                      .state = {.history = {"1.0"}, .pinned = "", .pin_reason = ""},
                                      .event = event}},
                                    event);
       }},
      {"RecordFile",
       [event](Registry& registry) {
         FileRecord file;
         file.path = "new.pt";
         file.reason = Long();
         return registry.RecordFile(file, event);
       }},
      {"ForgetFiles",
       [](Registry& registry) {
         return registry.ForgetFiles({"a.pt", "b.pt"});
       }},
      {"RecordEvent", [event](Registry& registry) { return registry.RecordEvent(event); }},
  };
}

class RegistryFaultTest : public ::testing::TestWithParam<Change> {
 protected:
  // A registry with something of everything in it. Its log is empty, so that every change meets the same.
  std::unique_ptr<Registry> Prepare() {
    registry_.reset();
    directory_ = std::make_unique<TempDir>();
    Open();
    for (const char* model : {"digits", "letters"}) {
      for (const char* version : {"1.0", "1.1"}) {
        EXPECT_OK(registry_->RegisterVersion(TestVersion(model, version), "{}", TestEvent("registered")));
      }
    }
    ReleaseRecord release;
    release.name = "first";
    release.members = {{"digits", "1.0"}};
    release.since = TestTime();
    EXPECT_OK(registry_->AddRelease(release, {}, {TestEvent("released")}));
    for (const char* path : {"a.pt", "b.pt"}) {
      FileRecord file;
      file.path = path;
      EXPECT_OK(registry_->RecordFile(file, std::nullopt));
    }
    registry_.reset();
    Open();
    return std::move(registry_);
  }
  void Open() {
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(path());
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
  }
  std::string path() const { return *directory_ / "registry.db"; }

  // Every row of every table.
  std::string Dump() const {
    std::string dump;
    SQLite::Database database(path(), SQLite::OPEN_READONLY);
    std::vector<std::string> tables;
    SQLite::Statement names(database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    while (names.executeStep()) tables.push_back(names.getColumn(0).getString());
    for (const std::string& table : tables) {
      SQLite::Statement rows(database, absl::StrCat("SELECT * FROM ", table));
      while (rows.executeStep()) {
        absl::StrAppend(&dump, table);
        for (int i = 0; i < rows.getColumnCount(); ++i)
          absl::StrAppend(&dump, "|", rows.getColumn(i).getString());
        absl::StrAppend(&dump, "\n");
      }
    }
    return dump;
  }
  void ExpectWhole() const {
    SQLite::Database database(path(), SQLite::OPEN_READONLY);
    EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
  }

  FaultySqlite sqlite_;
  std::unique_ptr<TempDir> directory_;
  std::unique_ptr<Registry> registry_;
};

TEST_P(RegistryFaultTest, IsThereWholeOrNotAtAll) {
  std::unique_ptr<Registry> registry = Prepare();
  const int before_calls = sqlite_.calls();
  ASSERT_OK(GetParam().make(*registry));
  const int calls = sqlite_.calls() - before_calls;
  const std::string after = Dump();
  ASSERT_GE(calls, 2) << "a change writes and syncs at least once";
  registry.reset();

  for (const bool full : {false, true}) {
    for (int nth = 1; nth <= calls; ++nth) {
      SCOPED_TRACE(absl::StrCat(full ? "full disk" : "I/O error", " from call ", nth, " on"));
      registry = Prepare();
      const std::string before = Dump();
      ASSERT_NE(before, after);
      sqlite_.FailFrom(nth, full);
      EXPECT_THAT(GetParam().make(*registry), testing::Not(IsOk()));
      EXPECT_EQ(Dump(), before) << "an error, and yet something changed";

      // The disk recovers, and so does the daemon, without a restart.
      sqlite_.Heal();
      ASSERT_OK(GetParam().make(*registry));
      EXPECT_EQ(Dump(), after);
      registry.reset();
      ExpectWhole();
    }
  }
}

// The process ends with the disk broken. A change whose sync failed may be there: that is not known to
// anybody.
TEST_P(RegistryFaultTest, IsThereWholeOrNotAtAllForTheNextProcess) {
  std::unique_ptr<Registry> registry = Prepare();
  const int before_calls = sqlite_.calls();
  ASSERT_OK(GetParam().make(*registry));
  const int calls = sqlite_.calls() - before_calls;
  const std::string after = Dump();
  registry.reset();

  for (int nth = 1; nth <= calls; ++nth) {
    SCOPED_TRACE(absl::StrCat("from call ", nth, " on"));
    registry = Prepare();
    const std::string before = Dump();
    sqlite_.FailFrom(nth, /*full=*/true);
    EXPECT_THAT(GetParam().make(*registry), testing::Not(IsOk()));
    registry.reset();  // cannot write back its log
    sqlite_.Heal();
    Open();
    EXPECT_THAT(Dump(), AnyOf(before, after));
    registry_.reset();
    ExpectWhole();
  }
}

INSTANTIATE_TEST_SUITE_P(Changes, RegistryFaultTest, ::testing::ValuesIn(Changes()),
                         [](const testing::TestParamInfo<Change>& info) { return info.param.name; });

}  // namespace
}  // namespace modeld
