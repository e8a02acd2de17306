// FakeProbeHost: the process around a probe, as the test says. Its clock moves by a millisecond with each
// look.
#pragma once

#include <string>
#include <vector>

#include "daemon/probe/run_probe.h"

namespace modeld {

class FakeProbeHost final : public ProbeHost {
 public:
  void Progress(const v1::ProbeReport& report) override {
    stages.push_back(report.stage());
    reports.push_back(report);
  }
  int64_t ResidentBytes() override { return resident; }
  int64_t PeakBytes() override { return peak; }
  absl::Duration Now() override { return now += absl::Milliseconds(1); }
  absl::Duration WallNow() override { return Now(); }

  std::vector<std::string> stages;
  std::vector<v1::ProbeReport> reports;
  int64_t resident = 1000, peak = 1000;
  absl::Duration now;
};

}  // namespace modeld
