// ManagerTest: a Manager over a real registry, with a fake loader and a clock that the test moves.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "SQLiteCpp/Database.h"
#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "registry/base/log.h"
#include "tests/support/fake_loader.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr char kConfig[] = R"({"version":"1.0"})";

class ManagerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kError);
    OpenRegistry();
    StartManager();
  }

  void TearDown() override { loader_.UnblockAll(); }

  // Null: versions are not probed.
  virtual VersionProber* prober() { return nullptr; }

  void OpenRegistry() {
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(dir_ / "registry.db");
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
  }
  void StartManager() {
    absl::StatusOr<std::unique_ptr<Manager>> manager = Manager::Start(
        {.registry = registry_.get(),
         .loader = &loader_,
         .prober = prober(),
         .table = &table_,
         .clock = &clock_,
         .on_serving_changed =
             [this](const std::string& model, bool serving) {
               MutexLock lock(&announced_mutex_);
               announced_.push_back(absl::StrCat(model, serving ? " serves" : " does not serve"));
             },
         .on_loaded = parts_.on_loaded,
         .memory_budget_bytes = parts_.memory_budget_bytes,
         .memory_policy = parts_.memory_policy});
    ASSERT_OK(manager);
    manager_ = *std::move(manager);
  }
  // As after a crash, but for what a crash leaves open.
  void Restart() {
    manager_.reset();
    registry_.reset();
    OpenRegistry();
    StartManager();
  }

  VersionRecord Record(const std::string& version, char byte = 'a', const std::string& model = "digits") {
    VersionRecord record;
    record.model = model;
    record.version = version;
    record.sha256 = std::string(64, byte);
    record.size_bytes = 10;
    return record;
  }
  absl::Status Register(const std::string& version, const std::string& model = "digits") {
    return manager_->Register(Record(version, 'a', model), kConfig);
  }
  // Registers and waits until it is loaded, live and all is quiet.
  void Deploy(const std::string& version, const std::string& model = "digits") {
    ASSERT_OK(Register(version, model));
    Settle();
  }
  void Settle() { ASSERT_TRUE(manager_->WaitSettled(kLong)); }

  Command By(const std::string& version, const std::string& reason = "because") {
    return {.model = "digits", .version = version, .actor = "ann", .reason = reason};
  }

  // What a request gets: the answering version, or the error's message.
  std::string Ask(const VersionSelector& selector) {
    const absl::StatusOr<VersionHandle> handle = table_.Resolve(selector);
    return handle.ok() ? AnswerOf(*handle) : std::string(handle.status().message());
  }
  std::string Ask() { return Ask({.model = "digits"}); }

  ModelView View(const std::string& model = "digits") {
    absl::StatusOr<ModelView> view = manager_->GetModel(model);
    EXPECT_OK(view);
    return view.ok() ? *view : ModelView{};
  }
  VersionView VersionOf(const std::string& version) {
    for (VersionView& known : View().versions) {
      if (known.record.version == version) return std::move(known);
    }
    ADD_FAILURE() << "no version " << version;
    return {};
  }
  std::string State(const std::string& version) {
    return std::string(VersionStateName(VersionOf(version).state));
  }
  // Versions in memory, highest first.
  std::vector<std::string> ReadyVersions() {
    std::vector<std::string> ready;
    for (const VersionView& version : View().versions) {
      if (version.state == VersionState::kReady) ready.push_back(version.record.version);
    }
    return ready;
  }

  // The events, oldest first: "ann promote 1.0: 1.1 -> 1.0, because", without what is empty.
  std::vector<std::string> Events() {
    const absl::StatusOr<std::vector<EventRecord>> events =
        registry_->ListEvents({.model = "", .limit = 1000});
    EXPECT_OK(events);
    std::vector<std::string> texts;
    for (auto event = events->rbegin(); event != events->rend(); ++event) {
      std::string text = absl::StrCat(event->actor, " ", event->action, " ", event->version);
      if (!event->from_version.empty() || !event->to_version.empty()) {
        absl::StrAppend(&text, ": ", event->from_version, " -> ", event->to_version);
      }
      if (!event->reason.empty()) absl::StrAppend(&text, ", ", event->reason);
      texts.push_back(std::move(text));
    }
    return texts;
  }
  LiveState Stored(const std::string& model = "digits") {
    const absl::StatusOr<std::vector<ModelRecord>> models = registry_->ListModels();
    EXPECT_OK(models);
    for (const ModelRecord& record : *models) {
      if (record.name == model) return record.live;
    }
    return {};
  }

  // Makes the registry fail to write changes with this action ("disk full"), as a full disk would.
  void FailWrites(const std::string& action) {
    SQLite::Database database(dir_ / "registry.db", SQLite::OPEN_READWRITE, 10'000);
    database.exec(absl::StrCat("CREATE TRIGGER fail_", action, " BEFORE INSERT ON events WHEN NEW.action = '",
                               action, "' BEGIN SELECT RAISE(ABORT, 'disk full'); END"));
  }
  void AllowWrites(const std::string& action) {
    SQLite::Database database(dir_ / "registry.db", SQLite::OPEN_READWRITE, 10'000);
    database.exec(absl::StrCat("DROP TRIGGER fail_", action));
  }

  std::vector<std::string> Announced() {
    MutexLock lock(&announced_mutex_);
    return announced_;
  }

  ManagerParts parts_;  // what is to be set of on_loaded and of memory; the rest is the fixture's
  TempDir dir_;
  ManualClock clock_;
  FakeLoader loader_;
  ServingTable table_;
  std::unique_ptr<Registry> registry_;
  Mutex announced_mutex_;
  std::vector<std::string> announced_ ABSL_GUARDED_BY(announced_mutex_);
  std::unique_ptr<Manager> manager_;
};

}  // namespace modeld
