// Warm-up: the first calls of a version, made before any request, until it answers as fast as it will.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/engine.h"
#include "daemon/probe/golden_sample.h"

namespace modeld {

// Time since any fixed moment, by a clock that nobody sets. Thread-safe.
using SteadyNow = std::function<absl::Duration()>;
// The system's.
absl::Duration SteadyTime();
// CPU time of the calling thread. Whoever has the lowest priority, or is made to rest, would measure the
// others by a clock. REQUIRES: one thread does the work that is measured.
absl::Duration ThreadCpuTime();

// When to give up, for each batch size. Three calls are made even if they take longer: LibTorch's profiling
// executor records the first, specializes on the second and runs compiled code from the third on.
struct WarmUpLimits {
  int max_calls = 50;
  absl::Duration max_time = absl::Seconds(10);         // by the clock that calls are measured with
  absl::Duration max_wall = absl::InfiniteDuration();  // by SteadyTime
};

struct WarmUpResult {
  int64_t batch_size = 1;
  std::string inputs;          // "generated inputs x FP32[1,3], mask BOOL[1]"
  absl::Status not_generated;  // why there are no inputs to call it with; RESOURCE_EXHAUSTED: too large
  absl::Status status;         // of the call that failed; there was none after it
  double seconds = 0;          // median of the last calls
  int calls = 0;
  bool stable = false;  // the latency had come to rest
  NamedValues outputs;  // of the last call
};

// Calls `forward` on generated inputs of one batch size until the latency is stable: the medians of the last
// three calls and of the three before them differ by less than a tenth (or by what no clock tells, 20 us).
// REQUIRES: CanGenerate. Throws std::bad_alloc where the inputs cannot be made for lack of memory.
WarmUpResult WarmUp(Executable& executable, const Declarations& declared, int64_t batch_size,
                    const WarmUpLimits& limits = {}, const SteadyNow& now = SteadyTime);

// As WarmUp, on the inputs of a golden sample of `forward`: for a version whose inputs are not declared. Its
// batch size is the first dimension of the first tensor that has one, else 1.
WarmUpResult WarmUpOnSample(Executable& executable, const Declarations& declared, const GoldenSample& sample,
                            const WarmUpLimits& limits = {}, const SteadyNow& now = SteadyTime);

// The first of `samples` that WarmUpOnSample takes; null: none.
const GoldenSample* SampleOfForward(const Executable& executable, const std::vector<GoldenSample>& samples);

// What to tell of a warm-up that failed; empty: it did not.
std::string WarmUpWarning(const WarmUpResult& result);

}  // namespace modeld
