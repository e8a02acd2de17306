// PlanTrials: the ways in which a version may run on this machine, each held to the artifact as it was saved.
#pragma once

#include <cstdint>
#include <memory>
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

  // Loads the artifact as it was saved, remembers what it answers to generated inputs of every warm-up size
  // and to the inputs of the golden samples, and measures it, if `measures`. FAILED_PRECONDITION: nothing can
  // be held to it, and why (no inputs of `forward` are known that it answers to; it answers otherwise the
  // second time; it takes too long). Other errors: those of Engine::Load.
  absl::StatusOr<v1::PlanResult> Begin(bool measures = true);

  // Loads the artifact by the plan, compares what it answers, and measures it if Begin did. What keeps the
  // plan from being taken is in `refused`.
  v1::PlanResult Try(const Plan& plan);

  // Loads the artifact by these plans, which were not refused, all at a time, and measures them again, in
  // turns, so that what else the machine does meets all alike. Not OK: nothing was changed, and why (together
  // they take too much memory or time, or one fails). REQUIRES: Begin measures.
  absl::Status MeasureInTurns(const std::vector<v1::PlanResult*>& plans);

  // Loads the artifact by a plan that was not refused, for runs on so many threads, and adds what the
  // smallest batch takes then. Not OK: nothing was added, and why. REQUIRES: Begin measures.
  absl::Status MeasureThreads(int threads, v1::PlanResult* result);

  // The CPU time for trials is used up: no other is begun. There is the more of it, within limits, the longer
  // the version takes to answer what it is tried on.
  bool is_over() const;

 private:
  // An executable with what loading it took.
  absl::StatusOr<std::unique_ptr<Executable>> Load(const Plan& plan, v1::PlanResult* result, int threads = 1);
  // Leaves those out that it raises on.
  std::vector<GoldenSample> AnswersTo(std::vector<GoldenSample> inputs, Executable& as_saved) const;
  std::string WhyNotAllowed(const Plan& plan) const;
  std::string OtherEngineAsked() const;
  // Empty: it answers as the artifact as it was saved does.
  std::string WhyNot(Executable& executable, v1::PlanResult* result);
  // What CheckBatching says on generated inputs and on golden samples; OK where requests are not joined.
  std::vector<absl::Status> Batching(Executable& executable) const;
  // What plans are measured on, the smallest batch first.
  std::vector<const GoldenSample*> MeasuredOn(Executable& executable) const;
  // Latencies, and the memory that the warm version takes.
  void Measure(Executable& executable, v1::PlanResult* result) const;
  // What a run takes of each, in seconds.
  absl::StatusOr<std::vector<double>> MediansInTurns(
      const std::vector<std::unique_ptr<Executable>>& executables, const GoldenSample& sample) const;
  bool has_sample_of(const std::string& method) const;

  Engine& engine_;
  const ProbeSubject& subject_;
  const Declarations declared_;
  ProbeHost& host_;
  const Tolerance tolerance_;
  const absl::Duration begun_;
  absl::Duration budget_;
  // Of the artifact as it was saved: its methods, and what it answers to inputs of `forward` that were
  // generated and to those of the golden samples.
  std::vector<Method> methods_;
  std::vector<GoldenSample> on_generated_;
  std::vector<GoldenSample> on_samples_;
  std::vector<absl::Status> batching_;
  int64_t resident_before_ = 0;  // the load
  bool measures_ = true;
};

}  // namespace modeld
