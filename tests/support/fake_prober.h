// FakeProber: a VersionProber without a process. Passes at once, or comes to what the test says.
#pragma once

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <utility>

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
    if (cancelled_) return absl::CancelledError("the daemon is shutting down");
    v1::ProbeReport report;
    report.set_outcome(v1::PROBE_OUTCOME_PASSED);
    report.set_resident_bytes(1000);
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
  }

  // Probes of the version come to `status` from now on: INVALID_ARGUMENT is the version's fault and reported,
  // anything else the machine's; OK: they pass again.
  void Fail(const std::string& name, const absl::Status& status) {
    MutexLock lock(&mutex_);
    failures_.erase(name);
    if (!status.ok()) failures_.emplace(name, status);
  }
  // Whether the version ever passed.
  bool passed(const std::string& name) const {
    MutexLock lock(&mutex_);
    return passed_.contains(name);
  }

 private:
  mutable Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> passed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
