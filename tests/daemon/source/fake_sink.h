// FakeSink: a VersionSink that knows versions as the Manager does.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "daemon/source/file_taker.h"
#include "registry/artifact_store.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe.
class FakeSink final : public VersionSink {
 public:
  explicit FakeSink(const ArtifactStore* store) : store_(store) {}

  absl::Status Register(const VersionRecord& version, const std::string& canonical_config,
                        const std::vector<VersionFile>& files) override {
    MutexLock lock(&mutex_);
    ++calls_;
    changed_.SignalAll();
    while (held_) changed_.Wait(&mutex_);
    if (!failure_.ok()) return failure_;
    if (!store_->Contains(version.sha256)) return absl::DataLossError("the artifact is not in the store");
    const auto [it, is_new] = versions_.try_emplace(version.model + " " + version.version, version);
    if (is_new) {
      configs_[it->first] = canonical_config;
      files_[it->first] = files;
    }
    if (it->second.sha256 == version.sha256) return absl::OkStatus();
    return absl::AlreadyExistsError("version is known with other bytes");
  }

  // Every coming call fails, until OK is set.
  void FailWith(absl::Status failure) {
    MutexLock lock(&mutex_);
    failure_ = std::move(failure);
  }
  // Calls do not return while this is set.
  void Hold(bool held) {
    MutexLock lock(&mutex_);
    held_ = held;
    changed_.SignalAll();
  }
  void WaitForCalls(int calls) {
    MutexLock lock(&mutex_);
    while (calls_ < calls) changed_.Wait(&mutex_);
  }

  int calls() const {
    MutexLock lock(&mutex_);
    return calls_;
  }
  // "digits 1.0", …
  std::vector<std::string> names() const {
    MutexLock lock(&mutex_);
    std::vector<std::string> names;
    for (const auto& [name, version] : versions_) names.push_back(name);
    return names;
  }
  VersionRecord version(const std::string& name) const {
    MutexLock lock(&mutex_);
    const auto it = versions_.find(name);
    return it == versions_.end() ? VersionRecord{} : it->second;
  }
  std::vector<VersionFile> files(const std::string& name) const {
    MutexLock lock(&mutex_);
    const auto it = files_.find(name);
    return it == files_.end() ? std::vector<VersionFile>() : it->second;
  }
  std::string config(const std::string& name) const {
    MutexLock lock(&mutex_);
    const auto it = configs_.find(name);
    return it == configs_.end() ? "" : it->second;
  }

 private:
  const ArtifactStore* const store_;
  mutable Mutex mutex_;
  CondVar changed_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, VersionRecord> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> configs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<VersionFile>> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
