#include "daemon/probe/choose_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChoosePlanTest : public ::testing::Test {
 protected:
  struct Measured {
    int64_t batch_size;
    double seconds;
  };
  v1::PlanResult& Add(const std::vector<Measured>& latencies, int64_t resident_bytes = 100) {
    v1::PlanResult& plan = *plans_.Add();
    for (const Measured& measured : latencies) {
      v1::BatchLatency& latency = *plan.add_latencies();
      latency.set_batch_size(measured.batch_size);
      latency.set_seconds(measured.seconds);
    }
    plan.set_resident_bytes(resident_bytes);
    return plan;
  }

  google::protobuf::RepeatedPtrField<v1::PlanResult> plans_;
};

TEST_F(ChoosePlanTest, TheFastestIsTaken) {
  Add({{1, 0.010}});
  Add({{1, 0.008}});
  Add({{1, 0.007}});
  Add({{1, 0.009}});
  EXPECT_EQ(ChoosePlan(plans_, ""), 2);
  EXPECT_EQ(ChoosePlan(plans_, "latency"), 2);
}

TEST_F(ChoosePlanTest, WhatIsHardlyFasterIsNot) {
  Add({{1, 0.010}});
  Add({{1, 0.0099}});
  EXPECT_EQ(ChoosePlan(plans_, ""), 0);
}

TEST_F(ChoosePlanTest, WhatWasRefusedIsNot) {
  Add({{1, 0.010}});
  Add({{1, 0.001}}).set_refused("beyond tolerance");
  Add({}).set_refused("it cannot be loaded so");
  EXPECT_EQ(ChoosePlan(plans_, ""), 0);
  EXPECT_EQ(ChoosePlan(plans_, "throughput"), 0);
}

TEST_F(ChoosePlanTest, WhatWasNotMeasuredIsNot) {
  Add({{1, 0.010}});
  Add({});
  EXPECT_EQ(ChoosePlan(plans_, ""), 0);
}

TEST_F(ChoosePlanTest, ThroughputIsTheBestOfAllSizes) {
  Add({{1, 0.010}, {8, 0.040}});
  Add({{1, 0.005}, {8, 0.039}});
  Add({{1, 0.012}, {8, 0.030}});
  EXPECT_EQ(ChoosePlan(plans_, "latency"), 1);
  EXPECT_EQ(ChoosePlan(plans_, "throughput"), 2);
}

TEST_F(ChoosePlanTest, TheDecidingLatencyIsThatOfTheObjective) {
  const v1::PlanResult& plan = Add({{1, 0.010}, {4, 0.016}, {8, 0.040}});
  EXPECT_EQ(DecidingLatency(plan, "latency")->batch_size(), 1);
  EXPECT_EQ(DecidingLatency(plan, "throughput")->batch_size(), 4);
  EXPECT_EQ(DecidingLatency(Add({}), "throughput"), nullptr);
}

TEST_F(ChoosePlanTest, MemoryIsWhatTheVersionTakes) {
  Add({{1, 0.010}}, 100);
  Add({{1, 0.005}}, 200);
  Add({{1, 0.020}}, 50);
  EXPECT_EQ(ChoosePlan(plans_, "memory"), 2);
}

TEST_F(ChoosePlanTest, FinalistsAreThoseNearTheBest) {
  Add({{1, 0.010}});
  Add({{1, 0.006}});
  Add({{1, 0.0055}}).set_refused("beyond tolerance");
  Add({{1, 0.0115}});
  EXPECT_THAT(Finalists(plans_, ""), ElementsAre(0, 1, 3));
  Add({{1, 0.007}});
  EXPECT_THAT(Finalists(plans_, "latency"), ElementsAre(0, 1, 4)) << "the best three";
  Add({{1, 0.0065}});
  EXPECT_THAT(Finalists(plans_, "latency"), ElementsAre(0, 1, 5)) << "as it was saved in any case";
  EXPECT_THAT(Finalists(plans_, "memory"), IsEmpty());
  Add({{1, 0.0025}});
  EXPECT_THAT(Finalists(plans_, ""), IsEmpty()) << "one is far ahead";
}

TEST_F(ChoosePlanTest, AmongSomeTheOthersDoNotCount) {
  Add({{1, 0.010}});
  Add({{1, 0.008}});
  Add({{1, 0.005}});
  EXPECT_EQ(ChoosePlan(plans_, "", {0, 1}), 1) << "that of 5 ms was measured at another time";
  EXPECT_EQ(ChoosePlan(plans_, "", {1, 2}), 2);
}

TEST_F(ChoosePlanTest, WhatWasNotMeasuredIsNoFinalist) {
  Add({});
  Add({});
  EXPECT_THAT(Finalists(plans_, ""), IsEmpty());
}

TEST(AllowsBf16Test, WhereItIsNamedOrTheToleranceIsGiven) {
  v1::ExecutionConfig execution;
  EXPECT_FALSE(AllowsBf16(execution));
  execution.mutable_tolerance()->set_rtol(1e-2);
  EXPECT_TRUE(AllowsBf16(execution));
  execution.add_precisions("fp32");
  EXPECT_FALSE(AllowsBf16(execution)) << "it names others";
  execution.add_precisions("bf16");
  EXPECT_TRUE(AllowsBf16(execution));
}

TEST(ChosenPlanTest, HoldsOnTheMachineThatMeasuredIt) {
  const Machine machine{.cpu_model = "EPYC", .cpus = 2};
  const Plan plan{.engine = "libtorch", .variant = "channels-last", .precision = Precision::kBf16};
  v1::ProbeReport report;
  report.set_engine("libtorch 2.13.0");
  report.set_machine("EPYC");
  report.set_cpus(2);
  SetPlan({.engine = "libtorch", .variant = "", .precision = Precision::kAsSaved}, report.add_plans());
  EXPECT_EQ(ChosenPlan(report, "libtorch 2.13.0", machine), Plan()) << "none is chosen";
  SetPlan(plan, report.add_plans());
  report.mutable_plans(1)->set_chosen(true);
  report.mutable_plans(1)->set_threads(2);
  EXPECT_EQ(ChosenPlan(report, "libtorch 2.13.0", machine), plan);
  EXPECT_EQ(ChosenThreads(report, "libtorch 2.13.0", machine), 2);
  EXPECT_EQ(ChosenThreads(report, "libtorch 2.14.0", machine), 0);
  EXPECT_EQ(ChosenPlan(report, "libtorch 2.14.0", machine), Plan());
  EXPECT_EQ(ChosenPlan(report, "libtorch 2.13.0", {.cpu_model = "EPYC", .cpus = 4}), Plan());
  EXPECT_EQ(ChosenPlan(report, "libtorch 2.13.0", {.cpu_model = "Xeon", .cpus = 2}), Plan());
}

TEST(PlanNameTest, SaysEngineVariantAndPrecision) {
  EXPECT_EQ(PlanName({.engine = "libtorch", .variant = "", .precision = Precision::kAsSaved}), "libtorch");
  EXPECT_EQ(PlanName({.engine = "libtorch", .variant = "frozen", .precision = Precision::kBf16}),
            "libtorch frozen bf16");
}

// What so many threads take.
google::protobuf::RepeatedPtrField<v1::ThreadLatency> Measured(
    const std::vector<std::pair<int, double>>& seconds) {
  google::protobuf::RepeatedPtrField<v1::ThreadLatency> all;
  for (const auto& [threads, taken] : seconds) {
    v1::ThreadLatency* const latency = all.Add();
    latency->set_threads(threads);
    latency->set_seconds(taken);
  }
  return all;
}

TEST(ChooseThreadsTest, MoreAreTakenWhileEachStepTakesAQuarterOff) {
  EXPECT_EQ(ChooseThreads(Measured({})), 0);
  EXPECT_EQ(ChooseThreads(Measured({{1, 8}})), 1);
  EXPECT_EQ(ChooseThreads(Measured({{1, 8}, {2, 6}})), 2);
  EXPECT_EQ(ChooseThreads(Measured({{1, 8}, {2, 6.1}})), 1);
  EXPECT_EQ(ChooseThreads(Measured({{1, 8}, {2, 4.4}, {4, 3}, {8, 2.9}})), 4);
  EXPECT_EQ(ChooseThreads(Measured({{1, 8}, {2, 7}, {4, 3}})), 1) << "a step that is not worth it ends it";
}

TEST(MostThreadsTest, AreThoseThatNobodySpeaksAgainst) {
  v1::ExecutionConfig execution;
  EXPECT_EQ(MostThreads(execution, 0, 0, 8), 1) << "more threads answer fewer requests";
  execution.set_objective("latency");
  EXPECT_EQ(MostThreads(execution, 0, 0, 8), 8);
  EXPECT_EQ(MostThreads(execution, 4, 0, 8), 2);
  EXPECT_EQ(MostThreads(execution, 0, 2, 8), 1) << "the daemon says how many";
  EXPECT_EQ(MostThreads(execution, 16, 0, 8), 1);
  execution.set_instances(2);
  EXPECT_EQ(MostThreads(execution, 8, 0, 8), 4);
  execution.set_threads_per_instance(1);
  EXPECT_EQ(MostThreads(execution, 0, 0, 8), 1);
}

TEST(BytesOfInstancesTest, EachOfOpenvinosHasWeightsOfItsOwn) {
  v1::ProbeReport report;
  report.set_resident_bytes(100);
  EXPECT_EQ(BytesOfInstances(report, 4), 100);
  v1::PlanResult& plan = *report.add_plans();
  plan.set_engine("libtorch");
  plan.set_chosen(true);
  plan.set_resident_bytes(60);
  EXPECT_EQ(BytesOfInstances(report, 4), 100);
  plan.set_engine("openvino");
  EXPECT_EQ(BytesOfInstances(report, 1), 100);
  EXPECT_EQ(BytesOfInstances(report, 4), 280);
}

TEST(PlanTextTest, SaysThreadsWhereTheyAreSeveral) {
  EXPECT_EQ(PlanText("openvino", 0), "openvino");
  EXPECT_EQ(PlanText("openvino", 1), "openvino");
  EXPECT_EQ(PlanText("openvino", 4), "openvino on 4 threads");
}

}  // namespace
}  // namespace modeld
