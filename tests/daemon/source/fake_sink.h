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
#include "registry/base/status_macros.h"

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
    return Add({.version = version, .canonical_config = canonical_config, .files = files});
  }

  absl::Status RegisterRelease(const std::string& name, const std::vector<NewVersion>& versions) override {
    MutexLock lock(&mutex_);
    ++calls_;
    if (!failure_.ok()) return failure_;
    for (const NewVersion& known : versions) {
      if (!store_->Contains(known.version.sha256)) {
        return absl::DataLossError("an artifact is not in the store");
      }
      const auto it = versions_.find(NameOf(known.version));
      if (it != versions_.end() && it->second.sha256 != known.version.sha256) return KnownWithOtherBytes();
    }
    std::vector<std::string>& members = releases_[name];
    members.clear();
    for (const NewVersion& known : versions) {
      members.push_back(NameOf(known.version));
      MODELD_RETURN_IF_ERROR(Add(known));
    }
    return absl::OkStatus();
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
  // The versions of a release, in the order in which they came; empty: it is not known.
  std::vector<std::string> release(const std::string& name) const {
    MutexLock lock(&mutex_);
    const auto it = releases_.find(name);
    return it == releases_.end() ? std::vector<std::string>() : it->second;
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
  static std::string NameOf(const VersionRecord& version) { return version.model + " " + version.version; }
  static absl::Status KnownWithOtherBytes() {
    return absl::AlreadyExistsError("version is known with other bytes");
  }
  absl::Status Add(const NewVersion& known) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto [it, is_new] = versions_.try_emplace(NameOf(known.version), known.version);
    if (is_new) {
      configs_[it->first] = known.canonical_config;
      files_[it->first] = known.files;
    }
    return it->second.sha256 == known.version.sha256 ? absl::OkStatus() : KnownWithOtherBytes();
  }

  const ArtifactStore* const store_;
  mutable Mutex mutex_;
  CondVar changed_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, VersionRecord> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> releases_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> configs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<VersionFile>> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
