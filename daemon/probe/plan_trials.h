// PlanTrials: the ways in which a version may run on this machine, each held to the artifact as it was saved.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/engine/engine.h"
#include "daemon/probe/golden_sample.h"
#include "daemon/probe/run_probe.h"
#include "daemon/probe/tolerance.h"
#include "modeld/v1/probe.pb.h"

namespace modeld {

// Not thread-safe. Throws std::bad_alloc.
class PlanTrials {
 public:
  // All outlive it.
  PlanTrials(Engine& engine, const ProbeSubject& subject, const Declarations& declared, ProbeHost& host);

  // The artifact as it was saved: remembers what it answers to generated inputs of every warm-up size, and to
  // the inputs of the golden samples, and measures it. FAILED_PRECONDITION: nothing can be held to it, and
  // why (it is stateful, no inputs are known, it answers otherwise the second time).
  absl::StatusOr<v1::PlanResult> Begin(Executable& as_saved, double load_seconds, int64_t resident_bytes);

  // Loads the artifact by the plan, compares what it answers, and measures it. What keeps the plan from being
  // taken is in `refused`.
  v1::PlanResult Try(const Plan& plan);

  // The CPU time for trials is used up.
  bool is_over() const;

 private:
  // Leaves those out that it raises on.
  std::vector<GoldenSample> AnswersTo(std::vector<GoldenSample> inputs, Executable& as_saved) const;
  std::string WhyNotAllowed(const Plan& plan) const;
  // Empty: it answers as the artifact as it was saved does.
  std::string WhyNot(Executable& executable, v1::PlanResult* result);
  void Measure(Executable& executable, v1::PlanResult* result) const;

  Engine& engine_;
  const ProbeSubject& subject_;
  const Declarations declared_;
  ProbeHost& host_;
  const Tolerance tolerance_;
  const absl::Duration begun_;
  // Of the artifact as it was saved: its methods, and what it answers to inputs of `forward` that were
  // generated and to those of the golden samples.
  std::vector<Method> methods_;
  std::vector<GoldenSample> on_generated_;
  std::vector<GoldenSample> on_samples_;
};

}  // namespace modeld
