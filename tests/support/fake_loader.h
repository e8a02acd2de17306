// FakeLoader: a VersionLoader without an engine. Loads at once, waits until the test says so, or fails as the
// test says.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/lifecycle/loader.h"
#include "registry/base/mutex.h"

namespace modeld {

// Answers with a text, and counts how many of its kind are in memory.
class FakeExecutable final : public Executable {
 public:
  explicit FakeExecutable(std::string answer, std::atomic<int>* alive = nullptr)
      : answer_(std::move(answer)), alive_(alive), methods_(1) {
    methods_[0].name = "forward";
    if (alive_ != nullptr) ++*alive_;
  }
  ~FakeExecutable() override {
    if (alive_ != nullptr) --*alive_;
  }
  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value>) override { return Value{answer_}; }

 private:
  const std::string answer_;
  std::atomic<int>* const alive_;
  std::vector<Method> methods_;
};

inline std::unique_ptr<ServedVersion> FakeServedVersion(const std::string& model, const std::string& version,
                                                        std::atomic<int>* alive = nullptr) {
  auto served = std::make_unique<ServedVersion>();
  served->model = model;
  served->version = version;
  served->engine = "fake";
  served->executable = std::make_unique<FakeExecutable>(version, alive);
  return served;
}

// What a version answers: its version string.
inline std::string AnswerOf(const VersionHandle& handle) {
  absl::StatusOr<Value> answer = handle->executable->Run(0, {});
  return answer.ok() ? *answer->get_if<std::string>() : answer.status().ToString();
}

// Thread-safe. Versions are named "digits/1.0".
class FakeLoader final : public VersionLoader {
 public:
  absl::StatusOr<LoadedVersion> Load(const VersionRecord& record, bool awaited) override {
    const std::string name = record.model + "/" + record.version;
    MutexLock lock(&mutex_);
    begun_.push_back(name);
    if (awaited) awaited_.insert(name);
    const std::string plan = plans_[name];
    changed_.SignalAll();
    while (blocked_.contains(name)) changed_.Wait(&mutex_);
    if (const auto failure = failures_.find(name); failure != failures_.end()) return failure->second;
    LoadedVersion loaded{FakeServedVersion(record.model, record.version, &alive_), {}};
    loaded.version->plan = plan;
    if (const auto guard = guards_.find(name); guard != guards_.end()) loaded.version->guard = guard->second;
    if (const auto warning = warnings_.find(name); warning != warnings_.end()) {
      loaded.warnings.push_back(warning->second);
    }
    return loaded;
  }

  void Hurry() override { ++hurried_; }
  int hurried() const { return hurried_; }

  absl::Status CheckAgain(const VersionRecord& record, const ServedVersion&) override {
    MutexLock lock(&mutex_);
    ++golden_checks_;
    const auto failure = golden_.find(record.model + "/" + record.version);
    return failure == golden_.end() ? absl::OkStatus() : failure->second;
  }
  // By what plan loads of the version run that begin from now on.
  void RunBy(const std::string& name, const std::string& plan) {
    MutexLock lock(&mutex_);
    plans_[name] = plan;
  }
  // What a version is held to once it is live; set before it is loaded.
  void Guard(const std::string& name, const GuardLimits& limits) {
    MutexLock lock(&mutex_);
    guards_[name] = limits;
  }
  // Its golden samples come out like this from now on.
  void FailGolden(const std::string& name, const absl::Status& status) {
    MutexLock lock(&mutex_);
    golden_[name] = status;
  }
  int golden_checks() const {
    MutexLock lock(&mutex_);
    return golden_checks_;
  }

  // Loads of the version wait from now on, until Unblock.
  void Block(const std::string& name) {
    MutexLock lock(&mutex_);
    blocked_.insert(name);
  }
  void Unblock(const std::string& name) {
    MutexLock lock(&mutex_);
    blocked_.erase(name);
    changed_.SignalAll();
  }
  void UnblockAll() {
    MutexLock lock(&mutex_);
    blocked_.clear();
    changed_.SignalAll();
  }
  // Loads of the version end with `status` from now on; OK: succeed again.
  void Fail(const std::string& name, const absl::Status& status) {
    MutexLock lock(&mutex_);
    if (status.ok()) {
      failures_.erase(name);
    } else {
      failures_[name] = status;
    }
  }
  void Warn(const std::string& name, const std::string& warning) {
    MutexLock lock(&mutex_);
    warnings_[name] = warning;
  }

  // Waits until `count` loads were begun.
  void AwaitLoads(size_t count) {
    MutexLock lock(&mutex_);
    while (begun_.size() < count) changed_.Wait(&mutex_);
  }
  // Loads begun, in order.
  std::vector<std::string> loads() const {
    MutexLock lock(&mutex_);
    return begun_;
  }
  // Whether the version was ever loaded for somebody who waited.
  bool awaited(const std::string& name) const {
    MutexLock lock(&mutex_);
    return awaited_.contains(name);
  }
  // Instances in memory.
  int alive() const { return alive_; }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> begun_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> blocked_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> awaited_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> warnings_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> plans_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, GuardLimits> guards_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> golden_ ABSL_GUARDED_BY(mutex_);
  int golden_checks_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<int> alive_{0};
  std::atomic<int> hurried_{0};
};

}  // namespace modeld
