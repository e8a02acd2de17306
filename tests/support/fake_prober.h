// FakeProber: a VersionProber without a process. Passes at once, waits until the test says so, or comes to
// what the test says.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/lifecycle/prober.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe. Versions are named "digits/1.0".
class FakeProber final : public VersionProber {
 public:
  absl::StatusOr<v1::ProbeReport> Probe(const VersionRecord& record) override {
    const std::string name = record.model + "/" + record.version;
    MutexLock lock(&mutex_);
    begun_.push_back(name);
    changed_.SignalAll();
    while (blocked_.contains(name) && !cancelled_) changed_.Wait(&mutex_);
    if (cancelled_) return absl::CancelledError("the daemon is shutting down");
    v1::ProbeReport report;
    if (const auto known = reports_.find(name); known != reports_.end()) report = known->second;
    report.set_outcome(v1::PROBE_OUTCOME_PASSED);
    if (report.resident_bytes() == 0) report.set_resident_bytes(1000);
    const auto failure = failures_.find(name);
    if (failure == failures_.end()) {
      passed_.insert(name);
      return report;
    }
    if (!absl::IsInvalidArgument(failure->second)) return failure->second;
    report.set_outcome(v1::PROBE_OUTCOME_WRONG_OUTPUT);
    report.set_reason(std::string(failure->second.message()));
    return report;
  }
  void Cancel() override {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    changed_.SignalAll();
  }

  // Probes of the version come to `status` from now on: INVALID_ARGUMENT is the version's fault and reported,
  // anything else the machine's; OK: they pass again.
  void Fail(const std::string& name, const absl::Status& status) {
    MutexLock lock(&mutex_);
    failures_.erase(name);
    if (!status.ok()) failures_.emplace(name, status);
  }
  // What probes of the version report from now on, where they pass.
  void Report(const std::string& name, const v1::ProbeReport& report) {
    MutexLock lock(&mutex_);
    reports_[name] = report;
  }
  // Probes of the version wait from now on, until Unblock.
  void Block(const std::string& name) {
    MutexLock lock(&mutex_);
    blocked_.insert(name);
  }
  void Unblock(const std::string& name) {
    MutexLock lock(&mutex_);
    blocked_.erase(name);
    changed_.SignalAll();
  }
  // Waits until a probe of the version was begun.
  void AwaitProbe(const std::string& name) {
    MutexLock lock(&mutex_);
    while (std::find(begun_.begin(), begun_.end(), name) == begun_.end()) changed_.Wait(&mutex_);
  }
  // Probes begun, in order.
  std::vector<std::string> probes() const {
    MutexLock lock(&mutex_);
    return begun_;
  }
  // Whether the version ever passed.
  bool passed(const std::string& name) const {
    MutexLock lock(&mutex_);
    return passed_.contains(name);
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> begun_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> blocked_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::ProbeReport> reports_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> passed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
