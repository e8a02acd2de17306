// RunProbe: tries a version, in the process that calls it. What `modeld --probe` does inside its child; knows
// nothing of processes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/engine/engine.h"
#include "daemon/probe/golden_sample.h"
#include "modeld/v1/model_config.pb.h"
#include "modeld/v1/probe.pb.h"

namespace modeld {

struct ProbeSubject {
  std::string artifact_path;
  ArtifactFormat format = ArtifactFormat::kTorchScript;
  std::string unpacked = {};  // see LoadRequest
  v1::ModelConfig config;
  std::vector<GoldenSample> samples;
  // Whether other plans than the artifact as it was saved are tried.
  bool try_plans = false;
  // What trying them came to for another version of the same graph; without plans: nothing is known.
  v1::ProbeReport known_plans = {};
  // The most threads that a run may take where their number is to be found out; 1: it is not.
  int most_threads = 1;
};

// The process around a probe.
class ProbeHost {
 public:
  virtual ~ProbeHost() = default;
  // Before each step: what is known by now, with `stage` saying what comes; so that a crash does not take it
  // along.
  virtual void Progress(const v1::ProbeReport& report) = 0;
  // Memory that the process holds for itself now, in bytes: what it would give back by ending.
  virtual int64_t ResidentBytes() = 0;
  // The most it has held at any time.
  virtual int64_t PeakBytes() = 0;
  // As SteadyNow, to measure how long the version takes.
  virtual absl::Duration Now() = 0;
  // By the clock, for what several threads do at a time.
  virtual absl::Duration WallNow() = 0;
};

// Loads the version, checks its declarations, warms each batch size until its latency is stable, checks what
// it returns against the declared outputs, and compares its golden samples. The report has everything but
// what only the process around it knows (`last_words`, `unconfined`, `machine`, `wall_seconds`, `probed_at`);
// its outcome is the first fault that is found, PASSED where there is none.
//
// A version that passed may then be tried by the engine's other plans (see PlanTrials), of which one is
// chosen. Nothing that happens there, not even the end of the process, takes from the outcome.
//
// What generated inputs come to weighs less than what golden samples do, since they may be nonsense to the
// model: raising on them is a warning; NaN is a warning where there are golden samples or guard.allow_nan is
// set, else NOT_A_NUMBER.
//
// Errors: NOT_FOUND where the artifact is missing, and what else is the machine's fault. Never throws.
absl::StatusOr<v1::ProbeReport> RunProbe(Engine& engine, const ProbeSubject& subject, ProbeHost& host);

}  // namespace modeld
