// ChoosePlan: which of the plans that were tried a version runs by. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/engine/plan.h"
#include "daemon/probe/machine.h"
#include "modeld/v1/model_config.pb.h"
#include "modeld/v1/probe.pb.h"

namespace modeld {

// Index in `plans`, of which the first is the artifact as it was saved. `objective`: `latency` (also where it
// is empty) is the time of the smallest batch that was measured, `throughput` the least time for a row in any
// of them, `memory` what the loaded version takes. Of those that were not refused the best is taken; but the
// artifact as it was saved keeps its place unless it is beaten by a fiftieth, within which measurements
// differ by themselves. Where all were refused it is the first. `among`, if it is not empty: only these are
// looked at. REQUIRES: `plans` is not empty.
int ChoosePlan(const google::protobuf::RepeatedPtrField<v1::PlanResult>& plans, const std::string& objective,
               const std::vector<int>& among = {});

// The latency that `objective`, which is not `memory`, looks at. Null: none was measured.
const v1::BatchLatency* DecidingLatency(const v1::PlanResult& plan, const std::string& objective);

// Those of the plans among which only a closer look decides: which were not refused, and come to at most
// twice the best, as they were measured one after the other: a busy neighbour on the same core is worth that
// much. The best ones, at most three, but in any case the artifact as it was saved, to which all are held; in
// the order of their indices. Empty: there is nothing to decide, or it is memory that counts, of which a
// second look says no more.
std::vector<int> Finalists(const google::protobuf::RepeatedPtrField<v1::PlanResult>& plans,
                           const std::string& objective);

// The most threads that a run may take where their number is to be found out: where `objective` asks for
// latency outright, and neither the config nor the daemon says how many. 1: it is not. 0 stands for "not
// said".
int MostThreads(const v1::ExecutionConfig& execution, int daemon_instances, int daemon_threads, int cpus);

// How many threads a run takes, of what was measured: `measured` begins with one thread, and each that
// follows has more. A further step is taken where it leaves at most three quarters of the time: threads that
// one run takes answer no other request. 0: nothing was measured.
int ChooseThreads(const google::protobuf::RepeatedPtrField<v1::ThreadLatency>& measured);

// Whether plans in bfloat16 may be taken: where `execution.precisions` names it, or says nothing and
// `execution.tolerance` says how far outputs may be off.
bool AllowsBf16(const v1::ExecutionConfig& execution);

// Between a plan and what reports say of it.
void SetPlan(const Plan& plan, v1::PlanResult* result);
Plan PlanOf(const v1::PlanResult& result);

// The chosen one; `engine` is "libtorch 2.13.0". The artifact as it was saved where none was looked for, or
// where the report was made on another machine, with another engine, or for another number of CPUs: then it
// says nothing of this one.
Plan ChosenPlan(const v1::ProbeReport& report, const std::string& engine, const Machine& machine);
// And on how many threads a run; 0: it does not say.
int ChosenThreads(const v1::ProbeReport& report, const std::string& engine, const Machine& machine);

// What a version takes by its chosen plan in so many instances, of what was measured with one: OpenVINO
// compiles the model for each of them, with weights of its own; the others share them.
int64_t BytesOfInstances(const v1::ProbeReport& report, int instances);

// "openvino", "openvino on 4 threads"; `threads` as ChosenThreads gives them.
std::string PlanText(const std::string& plan_name, int threads);

}  // namespace modeld
