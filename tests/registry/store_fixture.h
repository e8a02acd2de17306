// StoreTest: a registry with an artifact store, in a state directory, as the daemon leaves them.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "registry/artifact_store.h"
#include "registry/registry.h"
#include "registry/store_care.h"
#include "registry/version_keeper.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(state_ / "registry.db"));
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(&files_, state_ / "artifacts"));
    keeper_ = std::make_unique<RegistryKeeper>(registry_.get(), &clock_);
    care_ = std::make_unique<StoreCare>(registry_.get(), store_.get(), &files_, &clock_, keeper_.get());
  }

  // Puts bytes into the store; their hash.
  std::string Put(const std::string& content) {
    absl::StatusOr<ArtifactWriter> writer = store_->Begin();
    EXPECT_OK(writer);
    EXPECT_OK(writer->Append(content));
    absl::StatusOr<StagedArtifact> staged = writer->Finish();
    EXPECT_OK(staged);
    EXPECT_OK(staged->Commit());
    return staged->sha256();
  }
  // A version with these bytes; their hash.
  std::string Add(const std::string& model, const std::string& version, const std::string& content,
                  const std::vector<VersionFile>& files = {}) {
    VersionRecord record = TestVersion(model, version);
    record.sha256 = Put(content);
    record.size_bytes = static_cast<int64_t>(content.size());
    EXPECT_OK(registry_->RegisterVersion(record, "{}", TestEvent(action::kRegistered, model), files));
    return record.sha256;
  }
  void MakeLive(const std::string& model, const std::string& version) {
    EXPECT_OK(registry_->SetLiveState(model, {.history = {version}, .pinned = "", .pin_reason = ""},
                                      TestEvent(action::kPublished, model)));
  }
  // As if it had been written long ago.
  void Age(const std::string& sha256) { AgePath(store_->PathOf(sha256)); }
  void AgePath(const std::string& path) {
    const timespec times[2] = {{.tv_sec = 1'000'000, .tv_nsec = 0}, {.tv_sec = 1'000'000, .tv_nsec = 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  // Damages an artifact without changing its size.
  void FlipByte(const std::string& sha256) {
    const std::string path = store_->PathOf(sha256);
    std::string content = Content(path);
    content[0] = static_cast<char>(content[0] ^ 1);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    std::ofstream(path, std::ios::binary) << content;
  }
  std::string Content(const std::string& path) {
    absl::StatusOr<std::string> content = ReadFile(*FileSystem::Real(), path, 100 << 20);
    EXPECT_OK(content);
    return content.value_or("");
  }

  VersionRecord Version(const std::string& model, const std::string& version) {
    const absl::StatusOr<std::vector<ModelRecord>> models = registry_->ListModels();
    EXPECT_OK(models);
    for (const ModelRecord& known : *models) {
      for (const VersionRecord& record : known.versions) {
        if (known.name == model && record.version == version) return record;
      }
    }
    ADD_FAILURE() << "no version " << version << " of " << model;
    return {};
  }
  ArtifactRecord Artifact(const std::string& sha256) {
    const absl::StatusOr<std::vector<ArtifactRecord>> artifacts = registry_->ListArtifacts();
    EXPECT_OK(artifacts);
    for (const ArtifactRecord& artifact : *artifacts) {
      if (artifact.sha256 == sha256) return artifact;
    }
    ADD_FAILURE() << "no artifact " << sha256;
    return {};
  }
  // Newest first.
  std::vector<EventRecord> Events() {
    const absl::StatusOr<std::vector<EventRecord>> events =
        registry_->ListEvents({.model = "", .limit = 1000});
    EXPECT_OK(events);
    return *events;
  }

  TempDir state_;
  FaultyFileSystem files_;
  ManualClock clock_{absl::Now()};  // beside the times of files
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<RegistryKeeper> keeper_;
  std::unique_ptr<StoreCare> care_;
};

}  // namespace modeld
