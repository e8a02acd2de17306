// Reports of probes that tried plans, as the registry keeps them.
#pragma once

#include <string>

#include "daemon/probe/choose_plan.h"
#include "daemon/probe/machine.h"
#include "modeld/v1/probe.pb.h"

namespace modeld {

// Not the one that runs the tests, which may not say what it is.
inline Machine TestMachine() { return {.cpu_model = "a CPU", .cpus = 2}; }

// Made on that machine, with FakeEngine's library: it passed, and no plan was looked for.
inline v1::ProbeReport ReportWithoutPlans() {
  v1::ProbeReport report;
  report.set_outcome(v1::PROBE_OUTCOME_PASSED);
  report.set_engine("fake 1");
  report.set_machine(TestMachine().cpu_model);
  report.set_cpus(TestMachine().cpus);
  report.set_resident_bytes(5000);
  return report;
}

inline void AddTestPlan(const std::string& variant, double seconds, bool chosen, v1::ProbeReport* report) {
  v1::PlanResult* const plan = report->add_plans();
  SetPlan({.engine = "fake", .variant = variant, .precision = Precision::kAsSaved}, plan);
  plan->set_chosen(chosen);
  v1::BatchLatency* const latency = plan->add_latencies();
  latency->set_batch_size(1);
  latency->set_seconds(seconds);
}

// "fake" takes 30 ms, and "fake frozen" 14.4.
inline v1::ProbeReport ReportWithPlans() {
  v1::ProbeReport report = ReportWithoutPlans();
  AddTestPlan("", 0.03, /*chosen=*/false, &report);
  AddTestPlan("frozen", 0.0144, /*chosen=*/true, &report);
  return report;
}

// "fake" takes 30 ms, and so does "fake frozen".
inline v1::ProbeReport ReportAsSaved() {
  v1::ProbeReport report = ReportWithoutPlans();
  AddTestPlan("", 0.03, /*chosen=*/true, &report);
  AddTestPlan("frozen", 0.03, /*chosen=*/false, &report);
  return report;
}

}  // namespace modeld
