// IntakeTest: an Intake over real directories, a real registry and store, with injected time and faults.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/source/intake.h"
#include "registry/base/log.h"
#include "tests/daemon/source/fake_sink.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {

class IntakeTest : public ::testing::Test {
 protected:
  using Call = FaultyFileSystem::Call;
  static constexpr absl::Duration kSettle = absl::Milliseconds(500);
  static constexpr absl::Duration kIncomplete = absl::Seconds(10);

  void SetUp() override {
    SetLogLevel(LogLevel::kError);
    // Copying is what the tests look into; where the disk can share blocks there is none.
    store_file_system_.FailAlways(Call::kClone, absl::UnimplementedError("no reflinks"));
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(dir_ / "registry.db"));
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(&store_file_system_, dir_ / "artifacts"));
    sink_ = std::make_unique<FakeSink>(store_.get());
    Restart();
  }

  InspectOptions inspect_;

  // A new Intake on what the last one left.
  void Restart() {
    intake_ = std::make_unique<Intake>(
        &file_system_, &clock_, registry_.get(), store_.get(), sink_.get(), nullptr,
        IntakeOptions{.drop_directory = drop_,
                      .settle = {.settle_time = kSettle, .incomplete_time = kIncomplete},
                      .inspect = inspect_});
    ASSERT_OK(intake_->LoadRemembered());
  }

  static std::string Archive(const std::string& version, const std::string& weights = "") {
    return TorchScriptZip({{"config.json", absl::StrCat("{\"version\": \"", version, "\"}")}, {"w", weights}})
        .Build();
  }
  void Drop(const std::string& path, const std::string& content) { dir_.Write("drop/" + path, content); }
  void Delete(const std::string& path) { std::filesystem::remove_all(drop_ + "/" + path); }

  // Rounds until everything that can be taken without waiting longer than the settle time is taken.
  void Settle() {
    intake_->Step();
    clock_.Advance(kSettle);
    intake_->Step();
  }
  void StepAfter(absl::Duration duration) {
    clock_.Advance(duration);
    intake_->Step();
  }

  // The one dropped file.
  DroppedFileView OnlyDropped() {
    const std::vector<DroppedFileView> files = intake_->dropped_files();
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? DroppedFileView{} : files[0];
  }
  std::vector<FileRecord> Remembered() { return registry_->ListFiles().value(); }
  // Of the action, oldest first.
  std::vector<EventRecord> Events(const std::string& action) {
    std::vector<EventRecord> events = registry_->ListEvents({}).value();
    std::erase_if(events, [&](const EventRecord& event) { return event.action != action; });
    std::reverse(events.begin(), events.end());
    return events;
  }
  int opens() const {
    return file_system_.count(Call::kOpenForRead) + store_file_system_.count(Call::kOpenForRead);
  }
  std::ptrdiff_t staging_files() const {
    return std::distance(std::filesystem::directory_iterator(dir_ / "artifacts/staging"), {});
  }

  TempDir dir_;
  const std::string drop_ = std::filesystem::canonical(dir_.path()).string() + "/drop";
  const bool drop_made_ = std::filesystem::create_directory(drop_);
  FaultyFileSystem file_system_;        // of the drop directory
  FaultyFileSystem store_file_system_;  // of the copies, and of reading for them
  ManualClock clock_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<FakeSink> sink_;
  std::unique_ptr<Intake> intake_;
};

}  // namespace modeld
